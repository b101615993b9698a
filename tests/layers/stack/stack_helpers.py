"""Cells, sequences and comparisons for the tests of RecurrentStack."""

import keras
import numpy as np

from tfseq.cells import GRUCell, SimpleRNNCell

UNITS = 4


@keras.saving.register_keras_serializable(package="tests")
def relu_cell(units):
    return SimpleRNNCell(units, activation="relu")


@keras.saving.register_keras_serializable(package="tests")
def wide_cell(units):
    """A cell whose output is not as wide as `units`."""
    return GRUCell(3 * units, reset_after=False)


def sequences(batch=3, steps=5, features=2, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, steps, features)).astype("float32")


def by_hand(stack, x, mask=None):
    """The same network of keras.layers.RNN, around the cells of the stack."""
    directions = 2 if stack.bidirectional else 1
    states = []
    for i in range(stack.num_layers):
        outputs = []
        for rnn in stack.rnns[directions * i : directions * (i + 1)]:
            layer = keras.layers.RNN(
                rnn.cell,
                return_sequences=True,
                return_state=True,
                go_backwards=rnn.go_backwards,
                zero_output_for_mask=True,
            )
            y, *state = layer(x, mask=mask)
            outputs.append(y[:, ::-1] if rnn.go_backwards else y)
            states.append(state)
        x = np.concatenate(outputs, axis=-1)
    return x, states


def assert_states_equal(ours, theirs, atol=1e-6):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        a = a if isinstance(a, list) else [a]
        for one, other in zip(a, b, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=atol)
