"""Cells of another project: trained, saved, and loaded in a new process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import foreign_project
import keras
import numpy as np
import pytest

import tfseq

SCRIPT = Path(foreign_project.__file__)


@pytest.mark.slow
def test_trains_and_loads_in_a_new_process(tmp_path):
    losses, predictions = foreign_project.train(tmp_path / "model.keras")
    assert losses[-1] < 0.8 * losses[0]
    child = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "model.keras"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(tfseq.__file__).parents[1])},
    )
    loaded = np.array(json.loads(child.stdout.splitlines()[-1]))
    np.testing.assert_allclose(loaded, predictions, rtol=1e-5, atol=1e-6)


def test_the_changed_update_is_the_one_that_runs():
    x, h = np.ones((2, 3), "float32"), np.full((2, 4), 0.5, "float32")
    unchanged, _ = foreign_project.LeakyRNNCell(4, leak=0.0)(x, [h])
    np.testing.assert_array_equal(unchanged, h)
    cell = foreign_project.LeakyRNNCell(4, leak=0.25, activation=None)
    output, _ = cell(x, [h])
    kernel, recurrent, bias = cell.get_weights()
    expected = 0.75 * h + 0.25 * (x @ kernel + h @ recurrent + bias)
    np.testing.assert_allclose(output, expected, rtol=1e-5)


def test_the_extra_gate_and_the_normalisation_take_part():
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    gated = keras.layers.RNN(foreign_project.HighwayGRUCell(4))
    gated(x)
    assert [w.shape for w in gated.weights] == [(3, 12), (4, 12), (2, 12), (3, 4), (4, 4), (3, 4)]
    before = np.asarray(gated(x))
    gated.cell.gate_kernel.assign(gated.cell.gate_kernel + 1)
    assert not np.allclose(gated(x), before)

    normalised = tfseq.RNN(foreign_project.NormalizedLSTMCell(8), return_sequences=True)
    outputs = np.asarray(normalised(x))
    np.testing.assert_allclose(outputs.mean(axis=-1), 0, atol=1e-6)
    assert len(normalised.weights) == 5
