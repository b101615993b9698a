"""`tfseq.RNN` wherever `keras.layers.RNN` can be called, and differentiated as often."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loop_cells import UNITS, random_like

from tfseq.cells import GRUCell, SimpleRNNCell
from tfseq.layers import RNN

FEATURES = 3
LAYERS = (RNN, keras.layers.RNN)


@pytest.fixture
def x():
    return random_like([tf.zeros([2, 4, FEATURES])])[0]


def _built(cell, x, **arguments):
    """Both layers around one cell."""
    layers = [layer(cell, **arguments) for layer in LAYERS]
    for layer in layers:
        layer.build(x.shape)
    return layers


def _traced(layer, training):
    return tf.function(lambda x: layer(x, training=training), autograph=False)


def _at_the_root(layer, way, x):
    state = tf.ones([2, UNITS])
    if way == "call":
        return layer.call(x, initial_state=state)
    if way == "stateless_call":
        weights = layer.trainable_variables, layer.non_trainable_variables
        return layer.stateless_call(*weights, x, initial_state=state)[0]
    return layer.inner_loop(x, state, None)[0]


@pytest.mark.parametrize("way", ["call", "stateless_call", "inner_loop"])
def test_at_the_root_of_a_function_with_a_bare_state(way, x):
    fast, plain = _built(GRUCell(UNITS), x)
    run = tf.function(lambda layer: _at_the_root(layer, way, x), autograph=False)
    found = run(fast)
    assert fast.last_loop == "graph"
    np.testing.assert_allclose(found, run(plain), rtol=2e-6, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("make", "training"), [(SimpleRNNCell, False), (GRUCell, True)])
def test_second_derivatives_outside_of_the_function(make, training, x):
    x = x[:, :2]

    def second_order(layer):
        run = _traced(layer, training)
        weights = [v.value for v in layer.trainable_variables]
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(tf.sin(run(x)))
            penalty = tf.reduce_sum(inner.gradient(loss, x) ** 2)
        return outer.gradient(penalty, [x, *weights])

    fast, plain = _built(make(UNITS), x)
    found = second_order(fast)
    assert fast.last_loop == ("compiled" if training else "graph")
    for a, b in zip(found, second_order(plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True])
def test_forward_mode(training, x):
    def directional(layer):
        run = _traced(layer, training)
        with tf.autodiff.ForwardAccumulator(x, tf.cos(x)) as accumulator:
            y = run(x)
        return accumulator.jvp(y)

    fast, plain = _built(GRUCell(UNITS), x)
    found = directional(fast)
    assert fast.last_loop == ("compiled" if training else "graph")
    np.testing.assert_allclose(found, directional(plain), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("training", [False, True])
def test_forward_mode_inside_of_the_function_is_refused_in_a_sentence(training, x):
    layer, _ = _built(GRUCell(UNITS), x)

    @tf.function(autograph=False)
    def run(x):
        with tf.autodiff.ForwardAccumulator(x, tf.cos(x)) as accumulator:
            y = layer(x, training=training)
        return accumulator.jvp(y)

    with pytest.raises(NotImplementedError, match="Open it around the call of the function"):
        run(x)


@pytest.mark.slow
@pytest.mark.parametrize(("return_sequences", "training"), [(False, True), (True, False)])
def test_a_vectorised_jacobian(return_sequences, training, x):
    def jacobian(layer):
        run = _traced(layer, training)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = run(x)
        return tape.jacobian(y, x)

    fast, plain = _built(GRUCell(UNITS), x, return_sequences=return_sequences)
    found = jacobian(fast)
    assert fast.last_loop == ("compiled" if training else "graph")
    np.testing.assert_allclose(found, jacobian(plain), rtol=1e-5, atol=1e-6)


class _Clipped(SimpleRNNCell):
    def call(self, inputs, states, training=None):
        h, _ = super().call(inputs, states)
        h = ops.maximum(ops.minimum(h, 0.5), -0.5)
        return h, [h]


def _relu_cell(units):
    return SimpleRNNCell(units, activation="relu")


def _hard_sigmoid_cell(units):
    return SimpleRNNCell(units, activation="hard_sigmoid")


@pytest.mark.parametrize("make", [_Clipped, _relu_cell, _hard_sigmoid_cell])
def test_what_is_not_a_number_stays_so_in_gradients_too(make, x):
    x = tf.tensor_scatter_nd_update(x, [[0, 1, 0]], [np.nan])

    def results(layer):
        @tf.function(autograph=False)
        def run(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=True)
                loss = tf.reduce_sum(tf.sin(y))
            return [y, *tape.gradient(loss, [x, layer.cell.kernel.value])]

        return run(x)

    fast, plain = _built(make(UNITS), x, return_sequences=True)
    found = results(fast)
    assert np.isnan(found[0].numpy()[0, 1:]).all()
    for a, b in zip(found, results(plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


class _Spread(SimpleRNNCell):
    """Takes away the deviation of a row, which is zero."""

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.add_weight(shape=(4,), initializer=keras.initializers.Constant(1.1))

    def call(self, inputs, states, training=None):
        h, _ = super().call(inputs, states)
        z = ops.sum(inputs, axis=-1, keepdims=True) * self.scale[:1] + self.scale + h[:, :1] * 0.9
        mean = ops.mean(z, axis=-1, keepdims=True)
        variance = ops.mean(z * z, axis=-1, keepdims=True) - mean * mean
        h = h - ops.sqrt(ops.stop_gradient(variance))
        return h, [h]


class _Sharp(SimpleRNNCell):
    def call(self, inputs, states, training=None):
        h, _ = super().call(inputs, states)
        h = h + ops.softmax(ops.matmul(h, self.recurrent_kernel) * 1e15, axis=-1)
        return h, [h]


@pytest.mark.parametrize("code", ["quick", pytest.param("optimised", marks=pytest.mark.slow)])
@pytest.mark.parametrize("make", [_Spread, _Sharp])
def test_products_are_rounded_before_they_are_subtracted(make, code, x):
    """`code`: as `conftest.py` has XLA compile every day, and as the slow tests do."""
    fast, plain = _built(make(UNITS), x, return_sequences=True)
    found = _traced(fast, True)(x)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, _traced(plain, True)(x), rtol=2e-6, atol=2e-6)


def test_a_reason_is_one_line_also_where_a_mask_has_the_rows_of_the_whole_batch():
    x = tf.ones([32, 4, FEATURES])
    layer = RNN(keras.layers.LSTMCell(UNITS, dropout=0.5))
    layer.build(x.shape)
    _traced(layer, True)(x)
    assert layer.last_loop == "keras: it reads a tensor from outside"


class _Wide(SimpleRNNCell):
    def call(self, inputs, states, training=None):
        if not ops.is_tensor(self.kernel.value) or inputs.shape[0] == 1:
            raise RuntimeError("one row is\ntoo few")
        return super().call(inputs, states)


def test_the_reason_holds_the_first_line_of_an_error():
    layer = RNN(_Wide(UNITS))
    layer.build((1, 4, FEATURES))
    with pytest.raises(RuntimeError, match="too few"):
        _traced(layer, True)(tf.ones([1, 4, FEATURES]))
    assert layer.last_loop == "keras: its step cannot be traced alone (RuntimeError: one row is)"
