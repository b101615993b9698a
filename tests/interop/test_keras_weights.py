"""Weights from Keras' layers and to them."""

import keras
import numpy as np
import pytest
from keras import layers

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
from tfseq.interop import load_keras_weights, store_keras_weights
from tfseq.layers import RNN, RecurrentStack

X = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
PAIRS = {
    "rnn": (layers.SimpleRNN, SimpleRNNCell, {}),
    "rnn_relu": (layers.SimpleRNN, SimpleRNNCell, {"activation": "relu", "use_bias": False}),
    "gru": (layers.GRU, GRUCell, {}),
    "gru_textbook": (layers.GRU, GRUCell, {"reset_after": False}),
    "gru_hard": (layers.GRU, GRUCell, {"recurrent_activation": "hard_sigmoid"}),
    "lstm": (layers.LSTM, LSTMCell, {"bias_initializer": "normal"}),
}


def randomise(*built):
    rng = np.random.default_rng(1)
    for layer in built:
        layer.set_weights([rng.normal(size=w.shape) / 2 for w in layer.weights])


def assert_equal(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", PAIRS)
def test_one_layer_both_ways(name):
    keras_class, cell_class, options = PAIRS[name]
    theirs = keras_class(4, return_sequences=True, **options)
    theirs.build(X.shape)
    randomise(theirs)
    ours = RNN(cell_class(4, **options), return_sequences=True)
    load_keras_weights(ours, theirs)
    assert_equal(ours(X), theirs(X))

    other = keras_class(4, return_sequences=True, **options)
    store_keras_weights(ours, other)
    assert_equal(other(X), theirs(X))


@pytest.mark.parametrize(
    ("kind", "keras_class"), [("rnn", layers.SimpleRNN), ("gru", layers.GRU), ("lstm", layers.LSTM)]
)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_stacks_both_ways(kind, keras_class, bidirectional):
    def make():
        made = [keras_class(4, return_sequences=True) for _ in range(2)]
        return [layers.Bidirectional(layer) for layer in made] if bidirectional else made

    theirs = make()
    expected = keras.Sequential(theirs)
    expected.build(X.shape)
    randomise(*theirs)
    stack = RecurrentStack(kind, 4, 2, bidirectional)
    load_keras_weights(stack, theirs)
    assert_equal(stack(X)[0], expected(X))

    others = make()
    store_keras_weights(stack, others)
    assert_equal(keras.Sequential(others)(X), expected(X))


def test_stacked_cells_and_plain_cells():
    theirs = layers.RNN([layers.LSTMCell(4), layers.LSTMCell(6)])
    theirs.build(X.shape)
    randomise(theirs)
    ours = RNN([LSTMCell(4), LSTMCell(6)])
    load_keras_weights(ours, theirs)
    assert_equal(ours(X), theirs(X))
    cell = LSTMCell(4)
    load_keras_weights(cell, theirs.cell.cells[0])
    for a, b in zip(cell.get_weights(), theirs.get_weights(), strict=False):
        np.testing.assert_array_equal(a, b)


def test_no_bias_becomes_a_bias_of_zero():
    theirs = layers.LSTM(4, use_bias=False)
    theirs.build(X.shape)
    ours = RNN(LSTMCell(4))
    load_keras_weights(ours, theirs)
    np.testing.assert_array_equal(ours.cell.bias, np.zeros(16))
    assert_equal(ours(X), theirs(X))


def test_layers_that_read_from_the_end():
    options = {"return_sequences": True, "go_backwards": True}
    theirs = built(layers.GRU(4, **options))
    ours = RNN(GRUCell(4), **options)
    load_keras_weights(ours, theirs)
    assert_equal(ours(X), theirs(X))
    load_keras_weights(GRUCell(4), theirs)
    with pytest.raises(ValueError, match=r"the same end.*\[True\] and \[False\]"):
        load_keras_weights(RNN(GRUCell(4)), theirs)

    # The first layer turns the sequence round, so the second one is not to do it again.
    lower_and_upper = [theirs, layers.GRU(4, return_sequences=True)]
    expected = keras.Sequential(lower_and_upper)(X)
    stack = RecurrentStack("gru", 4, 2, go_backwards=True)
    load_keras_weights(stack, lower_and_upper)
    assert_equal(stack(X)[0], expected)
    with pytest.raises(ValueError, match=r"the same end.*\[True, False\] and \[True, True\]"):
        load_keras_weights(stack, [theirs, layers.GRU(4, **options)])


def built(layer):
    layer.build(X.shape)
    randomise(layer)
    return layer


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        (
            lambda: RNN(GRUCell(4)),
            lambda: layers.LSTM(4),
            r"same kind of cell.*'lstm' and 'gru'",
        ),
        (lambda: RNN(GRUCell(4)), lambda: layers.GRU(5), r"the same units.*5 and 4"),
        (
            lambda: RNN(GRUCell(4)),
            lambda: layers.GRU(4, reset_after=False),
            r"same reset_after",
        ),
        (lambda: RNN(GRUCell(4)), lambda: layers.GRU(4, "relu"), r"the same activation"),
        (
            lambda: RNN(GRUCell(4)),
            lambda: layers.GRU(4, recurrent_activation="relu"),
            r"the same recurrent_activation",
        ),
        (
            lambda: RNN(GRUCell(4, use_bias=False)),
            lambda: layers.GRU(4),
            r"`layer` must have `use_bias=True`",
        ),
        (
            lambda: RecurrentStack("gru", 4, 2),
            lambda: layers.GRU(4),
            r"as many layers.*\[1\] and \[1, 1\]",
        ),
        (
            lambda: RecurrentStack("gru", 4),
            lambda: layers.Bidirectional(layers.GRU(4)),
            r"as many directions.*\[2\] and \[1\]",
        ),
        (
            lambda: RNN(GRUCell(4)),
            lambda: layers.Dense(4),
            r"`keras_layer` must be made .*Dense",
        ),
        (lambda: layers.Dense(4), lambda: layers.GRU(4), r"`layer` must be made of .*Dense"),
    ],
)
def test_what_does_not_fit(ours, theirs, message):
    with pytest.raises(ValueError, match=message):
        load_keras_weights(ours(), built(theirs()))


def test_features_and_order_of_building():
    reads_seven = RNN(GRUCell(4))
    reads_seven.build((None, None, 7))
    with pytest.raises(ValueError, match=r"the same features.*2 and 7"):
        load_keras_weights(reads_seven, built(layers.GRU(4)))
    with pytest.raises(ValueError, match=r"`keras_layer` must be built"):
        load_keras_weights(RNN(GRUCell(4)), layers.GRU(4))
    with pytest.raises(ValueError, match=r"`layer` must be built"):
        store_keras_weights(RNN(GRUCell(4)), layers.GRU(4))
