"""What the layers say about wrong arguments and wrong shapes."""

import keras
import numpy as np
import pytest

from tfseq.cells import GRUCell, LSTMCell
from tfseq.layers import RNN, RecurrentStack

UNITS = 4


def sequences(features=2):
    return np.ones((3, 5, features), "float32")


class NoStateSize(keras.layers.Layer):
    def call(self, inputs, states):
        return inputs, states


def test_a_cell_without_state_size():
    with pytest.raises(ValueError, match=r"`state_size`.*Received: cell=.*NoStateSize"):
        RNN(NoStateSize())
    with pytest.raises(ValueError, match=r"`cell` should have a `call`.*Received: cell=12"):
        RNN(12)


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("shape", [(3, 2), (3,)])
def test_wrong_rank_of_a_layer(shape, built):
    layer = RNN(GRUCell(UNITS))
    if built:
        layer(sequences())
    message = r"`sequences` must have the shape \[batch, time, features\]\. Received: shape="
    with pytest.raises(ValueError, match=message):
        layer(np.ones(shape, "float32"))


def test_wrong_features_of_a_layer():
    layer = RNN(GRUCell(UNITS))
    layer(sequences())
    with pytest.raises(ValueError, match=r"\[batch, 2\].*Received: shape=\(3, 7\)"):
        layer(sequences(features=7))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(3, 4)], r"`initial_state` must hold 2 tensor\(s\).*Received: 1"),
        ([(3, 4)] * 3, r"`initial_state` must hold 2 tensor\(s\).*Received: 3"),
        ([(3, 4), (3, 5)], r"`initial_state` must have the shape \[3, 4\].*shape=\(3, 5\)"),
        ([(3, 4), (2, 4)], r"`initial_state` must have the shape \[3, 4\].*shape=\(2, 4\)"),
        ([(3, 4), (4,)], r"`initial_state` must have the shape \[3, 4\].*shape=\(4,\)"),
    ],
)
def test_wrong_states_of_a_layer(shapes, message):
    states = [np.ones(shape, "float32") for shape in shapes]
    with pytest.raises(ValueError, match=message):
        RNN(LSTMCell(UNITS))(sequences(), initial_state=states)


def test_states_that_are_no_tensors():
    with pytest.raises(ValueError, match=r"must have the shape \[3, 4\]\. Received: 0\.0"):
        RNN(GRUCell(UNITS))(sequences(), initial_state=[0.0])


def test_wrong_states_of_stacked_cells():
    layer = RNN([LSTMCell(UNITS), GRUCell(UNITS)])
    h = np.ones((3, UNITS), "float32")
    with pytest.raises(ValueError, match=r"must hold 2 tensor\(s\).*Received: 1"):
        layer(sequences(), initial_state=[h, h])
    with pytest.raises(ValueError, match=r"\[3, 4\].*shape=\(3, 5\)"):
        layer(sequences(), initial_state=[[h, np.ones((3, 5), "float32")], [h]])


@pytest.mark.parametrize("shape", [(3, 4), (3, 6), (2, 5), (1, 5), (5,), None])
@pytest.mark.parametrize(
    "make", [lambda: RNN(GRUCell(UNITS)), lambda: RecurrentStack("gru", UNITS)]
)
def test_wrong_masks(make, shape):
    mask = np.ones(shape, bool) if shape else [[True] * 5] * 3
    message = r"`mask` must be a boolean tensor of the shape \[3, 5\]\. Received: "
    with pytest.raises(ValueError, match=message):
        make()(sequences(), mask=mask)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell_type": "gated"}, r"`cell_type` must be .*Received: 'gated'"),
        ({"cell_type": 3}, r"`cell_type` must be .*Received: cell_type=3"),
        ({"cell_type": ["gru"]}, r"`cell_type` must be .*Received: cell_type=\['gru'\]"),
        ({"units": 0}, r"`units` must be a positive integer\. Received: units=0"),
        ({"units": 1.5}, r"`units` must be a positive integer\. Received: units=1\.5"),
        ({"num_layers": 0}, r"`num_layers` must be a positive integer\. Received: num_layers=0"),
        (
            {"dropout": 1.7},
            r"`dropout` must be at least 0 and less than 1\. Received: dropout=1\.7",
        ),
        ({"dropout": 1}, r"`dropout` must be .*Received: dropout=1"),
        ({"dropout": -0.1}, r"`dropout` must be .*Received: dropout=-0\.1"),
        ({"dropout": "0.5"}, r"`dropout` must be .*Received: dropout='0\.5'"),
        ({"dropout": float("nan")}, r"`dropout` must be .*Received: dropout=nan"),
        ({"bidirectional": True, "go_backwards": True}, r"`go_backwards` must be False"),
    ],
)
def test_wrong_arguments_of_a_stack(arguments, message):
    with pytest.raises(ValueError, match=message):
        RecurrentStack(**{"cell_type": "gru", "units": 4, "num_layers": 1, **arguments})


@pytest.mark.parametrize("shape", [(3, 2), (3, 5, 2, 1)])
def test_wrong_rank_of_a_stack(shape):
    with pytest.raises(ValueError, match=r"`inputs` must have the shape \[batch, time, features\]"):
        RecurrentStack("gru", UNITS)(np.ones(shape, "float32"))


def test_wrong_features_of_a_stack():
    stack = RecurrentStack("gru", UNITS)
    stack(sequences())
    with pytest.raises(ValueError, match=r"\[batch, 2\].*Received: shape=\(3, 7\)"):
        stack(sequences(features=7))


@pytest.mark.parametrize(
    ("cell_type", "state", "message"),
    [
        ("gru", [np.ones((3, 4))], r"`initial_state` must be a list of 2 .*Received: 1 entries"),
        ("gru", np.ones((2, 3, 4)), r"`initial_state` must be a list of 2 .*shape=\(2, 3, 4\)"),
        ("gru", [np.ones((3, 4)), np.ones((3, 5))], r"\[3, 4\].*Received: shape=\(3, 5\)"),
        ("lstm", [np.ones((3, 4))] * 2, r"must hold 2 tensor\(s\).*Received: 1"),
        ("lstm", [[np.ones((3, 4))] * 3] * 2, r"must hold 2 tensor\(s\).*Received: 3"),
        ("lstm", [[np.ones((2, 4))] * 2] * 2, r"\[3, 4\].*Received: shape=\(2, 4\)"),
    ],
)
def test_wrong_states_of_a_stack(cell_type, state, message):
    stack = RecurrentStack(cell_type, UNITS, 2)
    with pytest.raises(ValueError, match=message):
        stack(sequences(), initial_state=state)
