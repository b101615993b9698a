"""Penalties on weights and constraints of the three cells, beside those of Keras' own cells."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
from tfseq.layers import RNN, RecurrentStack

CELLS = (SimpleRNNCell, GRUCell, LSTMCell)
UNITS, FEATURES = 4, 3
# Each weight has a penalty and a constraint of its own kind, so that no two can change places.
OPTIONS = {
    "kernel_regularizer": keras.regularizers.L2(0.3),
    "recurrent_regularizer": keras.regularizers.L1(0.02),
    "bias_regularizer": keras.regularizers.L1L2(0.01, 0.2),
    "kernel_constraint": keras.constraints.NonNeg(),
    "recurrent_constraint": keras.constraints.MaxNorm(0.8),
    "bias_constraint": keras.constraints.UnitNorm(axis=-1),
}
each_cell = pytest.mark.parametrize("cls", CELLS)


def penalty(cell):
    """The three penalties of `OPTIONS`, written out."""
    w, u, b = (np.asarray(v) for v in (cell.kernel, cell.recurrent_kernel, cell.bias))
    bias = 0.01 * np.abs(b).sum() + 0.2 * (b**2).sum()
    return [0.3 * (w**2).sum(), 0.02 * np.abs(u).sum(), bias]


def data():
    rng = np.random.default_rng(1)
    return rng.normal(size=(8, 5, FEATURES)).astype("float32"), rng.normal(size=(8, 5, 1))


def trained(layer, weights=None):
    """The losses of five steps of Adam, and the weights before and after them."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((5, FEATURES)), layer, keras.layers.Dense(1)])
    if weights is not None:
        model.set_weights(weights)
    before = model.get_weights()
    model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=False)
    x, y = data()
    losses = model.fit(x, y, batch_size=8, epochs=5, shuffle=False, verbose=0).history["loss"]
    return losses, before, model.get_weights()


@pytest.mark.slow
@pytest.mark.parametrize("bidirectional", [False, True])
@each_cell
def test_losses_and_weights_are_those_of_the_cell_of_keras(cls, bidirectional):
    def layer(layer_type, cell):
        rnn = layer_type(cell, return_sequences=True)
        return keras.layers.Bidirectional(rnn) if bidirectional else rnn

    theirs = layer(keras.layers.RNN, getattr(keras.layers, cls.__name__)(UNITS, **OPTIONS))
    ours = layer(RNN, cls(UNITS, **OPTIONS))
    expected, before, after = trained(theirs)
    losses, _, weights = trained(ours, before)
    inner = ours.forward_layer if bidirectional else ours
    assert inner.last_loop in ("compiled", "graph")
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for w, e in zip(weights, after, strict=True):
        np.testing.assert_allclose(w, e, rtol=1e-4, atol=1e-5)
    # The constraints hold, and have moved something.
    assert np.min(inner.cell.kernel) == 0 > np.min(before[0])
    assert np.linalg.norm(inner.cell.recurrent_kernel, axis=0).max() < 0.8 + 1e-5
    np.testing.assert_allclose(np.linalg.norm(inner.cell.bias, axis=-1), 1, rtol=1e-5)


@each_cell
def test_a_penalty_is_counted_once(cls):
    layer = RNN(cls(UNITS, bias_initializer="ones", **OPTIONS), return_sequences=True)
    model = keras.Sequential([keras.Input((5, FEATURES)), layer])
    run = tf.function(lambda x: (model(x, training=True), model.losses), autograph=False)
    _, traced = run(tf.constant(data()[0]))
    for losses in (layer.losses, model.losses, traced):
        np.testing.assert_allclose(losses, penalty(layer.cell), rtol=1e-5)


def test_in_a_stack():
    stack = RecurrentStack(
        lambda units: LSTMCell(units, **OPTIONS), UNITS, 2, bidirectional=True, return_state=False
    )
    stack.build((None, 5, FEATURES))
    expected = [number for rnn in stack.rnns for number in penalty(rnn.cell)]
    np.testing.assert_allclose(stack.losses, expected, rtol=1e-5)
    loss = np.mean((np.asarray(stack(data()[0])) - 1) ** 2) + sum(expected)
    model = keras.Sequential([keras.Input((5, FEATURES)), stack])
    model.compile("sgd", "mse", jit_compile=False)
    found = model.evaluate(data()[0], np.ones((8, 5, 2 * UNITS)), batch_size=8, verbose=0)
    assert found == pytest.approx(loss, rel=1e-5)


def test_a_cell_of_keras_with_a_penalty():
    layer = RNN(keras.layers.GRUCell(UNITS, kernel_regularizer=keras.regularizers.L2(0.5)))
    run = tf.function(lambda x: layer(x, training=True), autograph=False)
    run(tf.constant(data()[0]))
    assert layer.last_loop == "compiled"
    kernel = np.asarray(layer.cell.kernel)
    np.testing.assert_allclose(layer.losses, [0.5 * (kernel**2).sum()], rtol=1e-5)


@each_cell
def test_configurations_keep_them(cls):
    cell = cls(UNITS, **OPTIONS)
    copy = cls.from_config(keras.saving.deserialize_keras_object(cell.get_config()))
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(cell))
    for other in (copy, again):
        assert other.get_config() == cell.get_config()
        for name, value in OPTIONS.items():
            assert type(getattr(other, name)) is type(value)
            assert getattr(other, name).get_config() == value.get_config()
    assert all(cls(UNITS).get_config()[name] is None for name in OPTIONS)


def test_names_of_keras_are_taken():
    cell = GRUCell(UNITS, kernel_regularizer="l1", bias_constraint="non_neg")
    assert type(cell.kernel_regularizer) is keras.regularizers.L1
    assert type(cell.bias_constraint) is keras.constraints.NonNeg
    with pytest.raises(ValueError, match="no_such_penalty"):
        GRUCell(UNITS, kernel_regularizer="no_such_penalty")
