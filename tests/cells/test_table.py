"""The table of cells: what it says of them, and what it costs to read it."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import tfseq
from tfseq.cells.table import (
    CELLS,
    KINDS,
    TEXTBOOK_KINDS,
    cell_title,
    kind_of,
    runs_natively,
)


def test_the_table_says_what_the_cells_are():
    for kind in KINDS:
        cls, *_ = kind.classes
        cell = cls(4)
        assert kind_of(cell) is kind
        assert cell.num_states == len(kind.states)
        assert bool(kind.native_blocks) == bool(kind.keras_name)
    for kind in TEXTBOOK_KINDS:
        ours, theirs = kind.classes
        cells = ours(4), theirs(4)
        assert [kind_of(cell) for cell in cells] == [kind, kind]
        assert kind_of(type("Subclass", (ours,), {})(4)) is None
        for cell in cells:
            cell.build((None, 3))
        ours, theirs = cells
        assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
        assert ours.num_gates == len(kind.native_blocks)
        assert kind.native_biases == len(np.atleast_2d(ours.bias))
        again = [kind.native_blocks[i] for i in kind.native_blocks]
        assert again == list(range(ours.num_gates))


def test_names_and_titles():
    assert [kind.name for kind in TEXTBOOK_KINDS] == ["rnn", "gru", "lstm"]
    assert list(CELLS.built_in) == [
        *("rnn", "gru", "lstm"),
        *("min_gru", "min_lstm", "rg_lru", "layer_norm_lstm", "mogrifier"),
    ]
    assert CELLS.find("lstm") is tfseq.LSTMCell
    assert CELLS.name(tfseq.SimpleRNNCell) == "rnn"
    assert [kind.state for kind in TEXTBOOK_KINDS] == ["h", "h", "[h, c]"]
    assert cell_title("rnn") == "simple RNN"
    assert cell_title("my_cells:Leaky") == "my_cells:Leaky"


def tanh(x):
    return keras.ops.tanh(x)


@pytest.mark.parametrize(
    ("cell", "native"),
    [
        (tfseq.SimpleRNNCell(2), True),
        (tfseq.SimpleRNNCell(2, "relu"), True),
        (tfseq.SimpleRNNCell(2, "sigmoid"), False),
        (tfseq.SimpleRNNCell(2, tanh), False),
        (tfseq.GRUCell(2), True),
        (tfseq.GRUCell(2, reset_after=False), False),
        (tfseq.GRUCell(2, "relu"), False),
        (tfseq.LSTMCell(2), True),
        (tfseq.LSTMCell(2, recurrent_activation="hard_sigmoid"), False),
        (keras.layers.LSTMCell(2), True),
        (keras.layers.GRUCell(2, reset_after=False), False),
    ],
)
def test_which_equations_pytorch_and_cudnn_have(cell, native):
    assert runs_natively(cell) is native


@pytest.mark.slow
def test_reading_it_needs_no_keras_and_layers_register_all_cells():
    code = """
import sys
from tfseq.cells.table import CELLS
assert "lstm" in CELLS.words
assert not {"keras", "tensorflow", "numpy"} & set(sys.modules)
import tfseq.layers, keras
for name in ("SimpleRNNCell", "LSTMCell", "MinGRUCell", "MogrifierCell"):
    assert keras.saving.get_registered_object(f"tfseq>{name}").__name__ == name
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
