"""Cells as people publish them: `tfseq.RNN` gives what `keras.layers.RNN` gives.

A cell runs in one setting; every two values of two kinds meet over all cells. `cell_table.py` runs
each cell in each setting.
"""

import pytest
from both_layers import compare
from cell_settings import VALUES, Setting, covering_settings, for_case
from published_cells import CASES, KINDS

# Those of each kind that ask most of the layer.
OFTEN = {
    "gated": "peephole lstm, nas, projected lstm, min gru",
    "simple": "indrnn, sru, silu, no weights",
    "continuous": "phased lstm, ltc, lmu",
    "memory": "turing machine, slstm, holographic, ring buffer",
    "attentive": "nested state, encoder outputs as a state, encoder outputs from outside, "
    "delta rule, multi-head attention",
    "drawn": "zoneout, variational dropout, recurrent dropout of keras, mask kept on self",
    "layered": "several layers, sequential model, batch normalization, embedding, "
    "learned first state, stack of several, dense layers of init, dense layers of build",
    "controlled": "cond, py_function, gradient inside, custom gradient, counter variable, "
    "input kept on self",
    "algebra": "qr, cholesky, unitary, complex rotation, product of each row, lu, "
    "lu without gradient",
    "discrete": "winners take all, straight through, missing inputs, one-hot and gather, "
    "integer and boolean states, rounded to bfloat16",
    "shaped": "convolutional lstm, graph, dictionary of states, matrix output, "
    "number of each row, standardised over the batch, still states, one tensor for all, "
    "step counter as a state, shared memory",
    "styled": "other names, not a layer, variable of tensorflow, float16, "
    "float64 in a float32 layer",
}
QUICK = [name for names in OFTEN.values() for name in names.split(", ")]

pytestmark = [
    # Keras' own, of a layer whose `build` is that of `Layer`, and of weights without a gradient.
    pytest.mark.filterwarnings("ignore:.*does not have a `build:UserWarning"),
    pytest.mark.filterwarnings("ignore:Gradients do not exist for variables:UserWarning"),
]


def _setting(position, name):
    settings = covering_settings()
    return for_case(settings[position % len(settings)], CASES[name])


def _assert_same(name, setting):
    comparison = compare(CASES[name], setting)
    assert "keras" not in comparison.refusals, str(comparison)
    assert comparison.same, f"{comparison.setting}: {comparison}"


@pytest.mark.everyday(3)
@pytest.mark.parametrize("name", QUICK)
def test_a_cell_gives_what_it_gives_in_the_layer_of_keras(name):
    _assert_same(name, _setting(QUICK.index(name), name))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_so_does_every_cell_in_another_setting(name):
    _assert_same(name, _setting(list(CASES).index(name) + 7, name))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.masks])
@pytest.mark.parametrize("loop", ["graph", "compiled"])
def test_a_mask_that_keras_refuses_is_refused(name, loop):
    comparison = compare(CASES[name], Setting(loop, mask="holes"))
    assert list(comparison.refusals) == ["keras", "tfseq"]


def test_the_settings_of_the_cells_cover_all_that_can_be_set():
    assert len(QUICK) >= 60
    assert OFTEN.keys() == KINDS.keys()
    used = [_setting(i, name) for i, name in enumerate(QUICK)]
    for dimension, values in VALUES.items():
        assert {getattr(s, dimension) for s in used} == set(values)
