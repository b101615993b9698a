"""Layouts of PyTorch's state dicts, and what cannot be carried over."""

import keras
import numpy as np
import pytest

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
from tfseq.interop import load_torch_weights, torch_state_dict
from tfseq.layers import RNN, RecurrentStack

ROWS = {"rnn": 4, "gru": 12, "lstm": 16}


def state_dict(kind="gru", layers=1, bidirectional=False, bias=True, features=3, suffix=True):
    """An arbitrary state dict for 4 units."""
    rng = np.random.default_rng(0)
    arrays = {}
    for depth in range(layers):
        for direction in ("", "_reverse")[: 2 if bidirectional else 1]:
            end = f"_l{depth}{direction}" if suffix else ""
            shapes = {"weight_ih": (ROWS[kind], features), "weight_hh": (ROWS[kind], 4)}
            if bias:
                shapes |= {"bias_ih": (ROWS[kind],), "bias_hh": (ROWS[kind],)}
            arrays |= {k + end: rng.normal(size=s).astype("float32") for k, s in shapes.items()}
        features = 8 if bidirectional else 4
    return arrays


def test_blocks_of_the_gru_are_reordered():
    """r, z, n of PyTorch become z, r, h; the two biases stay two."""
    r, z, n = np.full((4, 3), 1.0), np.full((4, 3), 2.0), np.full((4, 3), 3.0)
    hidden = [np.full((4, 4), v) for v in (4.0, 5.0, 6.0)]
    cell = GRUCell(4)
    arrays = {
        "weight_ih": np.concatenate([r, z, n]),
        "weight_hh": np.concatenate(hidden),
        "bias_ih": np.repeat([1.0, 2.0, 3.0], 4),
        "bias_hh": np.repeat([4.0, 5.0, 6.0], 4),
    }
    load_torch_weights(cell, arrays)
    kernel, recurrent, bias = cell.get_weights()
    np.testing.assert_array_equal(kernel[0], np.repeat([2, 1, 3], 4))
    np.testing.assert_array_equal(recurrent[0], np.repeat([5, 4, 6], 4))
    np.testing.assert_array_equal(bias, [np.repeat([2, 1, 3], 4), np.repeat([5, 4, 6], 4)])
    for name, array in torch_state_dict(cell).items():
        np.testing.assert_array_equal(array, arrays[name])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", ROWS)
def test_there_and_back(kind, layers, bidirectional, bias):
    given = state_dict(kind, layers, bidirectional, bias)
    stack = RecurrentStack(kind, 4, layers, bidirectional)
    load_torch_weights(stack, given)
    taken = torch_state_dict(stack)
    assert [name for name in taken if name in given] == list(given)
    for name, array in taken.items():
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        if "weight" in name or (bias and kind == "gru"):
            np.testing.assert_array_equal(array, given[name])
        elif not bias or "bias_hh" in name:
            np.testing.assert_array_equal(array, 0)
        else:
            total = given[name] + given[name.replace("_ih", "_hh")]
            np.testing.assert_array_equal(array, total)


def test_forms_a_layer_may_have():
    given = state_dict("lstm", layers=2)
    stacked = RNN([LSTMCell(4), LSTMCell(4)])
    load_torch_weights(stacked, given)
    stack = RecurrentStack("lstm", 4, 2)
    load_torch_weights(stack, given)
    x = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
    np.testing.assert_allclose(stacked(x), stack(x)[0][:, -1], rtol=1e-5, atol=1e-6)
    assert list(torch_state_dict(stacked)) == list(given)

    plain = state_dict("lstm", suffix=False)
    layer = RNN(LSTMCell(4))
    load_torch_weights(layer, plain)
    assert list(torch_state_dict(layer)) == [f"{name}_l0" for name in plain]
    cell = LSTMCell(4)
    load_torch_weights(cell, state_dict("lstm"))
    assert list(torch_state_dict(cell)) == list(plain)
    for ours, other in zip(cell.get_weights(), layer.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, other)

    both = keras.layers.Bidirectional(RNN(GRUCell(4), return_sequences=True))
    given = state_dict("gru", bidirectional=True)
    load_torch_weights(both, given)
    assert list(torch_state_dict(both)) == list(given)


def test_zero_biases_fit_a_cell_without_bias():
    given = state_dict("lstm")
    given |= {name: array * 0 for name, array in given.items() if "bias" in name}
    layer = RNN(LSTMCell(4, use_bias=False))
    load_torch_weights(layer, given)
    assert list(torch_state_dict(layer)) == ["weight_ih_l0", "weight_hh_l0"]


class Subclass(GRUCell):
    pass


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (RNN(GRUCell(4, reset_after=False)), r"`reset_after=True`.*Received: reset_after=False"),
        (RNN(GRUCell(4, activation="relu")), r"'tanh' and `recurrent_.*Received: .*'relu'"),
        (RNN(LSTMCell(4, recurrent_activation=None)), r"'sigmoid'.*Received: .*'linear'"),
        (RNN(SimpleRNNCell(4, "sigmoid")), r"`activation` 'tanh' or 'relu'.*Received: .*'sigmoid'"),
        (RNN(Subclass(4)), r"not subclassed.*Received: Subclass"),
        (keras.layers.Dense(4), r"must be made of SimpleRNNCell, GRUCell.*Received: Dense"),
        (RNN([GRUCell(4), LSTMCell(4)]), r"`layer` must all be of one kind"),
        (
            keras.layers.Bidirectional(RNN(GRUCell(4)), merge_mode="sum"),
            r"side by side.*merge_mode='sum'",
        ),
        (
            keras.layers.Bidirectional(RNN([GRUCell(4), GRUCell(4)])),
            r"one cell in each direction.*Received: \[2, 2\]",
        ),
    ],
)
def test_what_pytorch_does_not_compute(layer, message):
    with pytest.raises(ValueError, match=message):
        load_torch_weights(layer, state_dict())
    with pytest.raises(ValueError, match=message):
        torch_state_dict(layer)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight_hr_l0": np.ones((2, 4))}, r"`proj_size=0`"),
        ({"weight_ih_l1": np.ones((12, 4))}, r"Missing: \[\]\. Left over: \['weight_ih_l1'\]"),
        ({"bias_hh_l0": None}, r"Missing: \['bias_hh_l0'\]\. Left over: \[\]"),
        ({"weight_ih_l0": None}, r"Missing: \['weight_ih_l0'\]"),
        (
            {"weight_ih_l0": np.ones((16, 3))},
            r"'weight_ih_l0'\]`.*\(12, 3\).*\(16, 3\)",
        ),
        ({"weight_ih_l0": np.ones(12)}, r"`state_dict\['weight_ih_l0'\]`.*shape=\(12,\)"),
        (
            {"weight_hh_l0": np.ones((12, 5))},
            r"'weight_hh_l0'\]`.*\(12, 4\).*\(12, 5\)",
        ),
        ({"bias_hh_l0": np.ones(3)}, r"`state_dict\['bias_hh_l0'\]`.*\(12,\).*\(3,\)"),
    ],
)
def test_state_dicts_that_do_not_fit(change, message):
    arrays = {name: a for name, a in (state_dict() | change).items() if a is not None}
    layer = RNN(GRUCell(4))
    layer.build((None, None, 3))
    before = layer.get_weights()
    with pytest.raises(ValueError, match=message):
        load_torch_weights(layer, arrays)
    for ours, expected in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones((12, 3)) * 1j, r"real numbers\. Received: dtype=complex128"),
        ([["a"] * 3] * 12, r"real numbers\. Received: dtype=<U1"),
        ([[1.0], [2.0, 3.0]], r"real numbers, .*Received: list"),
    ],
)
def test_what_is_no_array_of_numbers(value, message):
    with pytest.raises(ValueError, match=r"`state_dict\['weight_ih_l0'\]` must be .*" + message):
        load_torch_weights(RNN(GRUCell(4)), state_dict() | {"weight_ih_l0": value})
    with pytest.raises(ValueError, match=r"`state_dict` must map names .*Received: list"):
        load_torch_weights(RNN(GRUCell(4)), [value])


def test_other_mismatches():
    with pytest.raises(ValueError, match=r"Missing: \['weight_ih_l0_reverse'"):
        load_torch_weights(RecurrentStack("gru", 4, 1, bidirectional=True), state_dict())
    with pytest.raises(ValueError, match=r"Left over: \['weight_ih_l0_reverse'"):
        load_torch_weights(RNN(GRUCell(4)), state_dict(bidirectional=True))
    with pytest.raises(ValueError, match=r"`use_bias=True`.*Received: use_bias=False"):
        load_torch_weights(RNN(GRUCell(4, use_bias=False)), state_dict())
    built = RNN(GRUCell(4))
    built.build((None, None, 5))
    with pytest.raises(ValueError, match=r"must have the shape \(12, 5\).*shape=\(12, 3\)"):
        load_torch_weights(built, state_dict())
    with pytest.raises(ValueError, match=r"`layer` must be built"):
        torch_state_dict(RNN(GRUCell(4)))
    uneven = RNN([GRUCell(4), GRUCell(5)])
    uneven.build((None, None, 3))
    with pytest.raises(ValueError, match=r"the same `units` in all cells.*\[4, 5\]"):
        torch_state_dict(uneven)
    mixed = [RNN(GRUCell(4)), keras.layers.Bidirectional(RNN(GRUCell(4)))]
    with pytest.raises(ValueError, match=r"as many directions in every layer.*\[1, 2\]"):
        load_torch_weights(mixed, state_dict())
    failed = RecurrentStack("gru", 4, 2)
    with pytest.raises(ValueError, match=r"weight_hh_l1"):
        load_torch_weights(failed, state_dict(layers=2) | {"weight_hh_l1": np.ones((1, 1))})
    assert not failed.weights
