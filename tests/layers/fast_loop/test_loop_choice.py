"""Which loop `tfseq.RNN` runs, and what its graph holds."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loop_cells import CELLS, UNITS, random_like

from tfseq.cells import SimpleRNNCell
from tfseq.layers import RNN, portable_loops

STEPS, FEATURES = 5, 7


@pytest.fixture
def x():
    return random_like([tf.zeros([3, STEPS, FEATURES])])[0]


class _Noisy(SimpleRNNCell):
    def build(self, input_shape):
        super().build(input_shape)
        self.generator = keras.random.SeedGenerator(1)

    def call(self, inputs, states, training=None):
        y, states = super().call(inputs, states)
        return y + keras.random.normal(ops.shape(y), seed=self.generator), states


class _Penalised(SimpleRNNCell):
    def call(self, inputs, states, training=None):
        y, states = super().call(inputs, states)
        self.add_loss(ops.sum(y))
        return y, states


class _Counting(SimpleRNNCell):
    def build(self, input_shape):
        super().build(input_shape)
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs, states, training=None):
        self.count.assign_add(1.0)
        return super().call(inputs, states)


class _Branching(SimpleRNNCell):
    def call(self, inputs, states, training=None):
        y, states = super().call(inputs, states)
        return ops.cond(ops.sum(y) > 0, lambda: y, lambda: -y), states


class _Selecting(SimpleRNNCell):
    def call(self, inputs, states, training=None):
        y, states = super().call(inputs, states)
        positive = tf.boolean_mask(y, y[:, 0] > 0)
        return y + ops.sum(positive, axis=0, keepdims=True), states


class _Printing(SimpleRNNCell):
    def call(self, inputs, states, training=None):
        tf.print("a step")
        return super().call(inputs, states)


class _OwnGradient(SimpleRNNCell):
    def call(self, inputs, states, training=None):
        y, states = super().call(inputs, states)
        return ops.custom_gradient(lambda y: (y, lambda *_, upstream: 2 * upstream))(y), states


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (_Noisy, "it writes a variable"),
        (_Penalised, "it adds a loss"),
        (_Counting, "it writes a variable"),
        (_Branching, "its operation StatelessIf"),
        (_Selecting, "what its operation Where makes has no size"),
        (_Printing, "its operation "),
        (_OwnGradient, "its operation IdentityN"),
        (lambda n: keras.layers.LSTMCell(n, dropout=0.5), "it reads a tensor from outside"),
    ],
)
def test_cells_that_need_the_loop_of_keras_get_it(cell, reason, x):
    layer = RNN(cell(UNITS))
    layer.build(x.shape)
    tf.function(lambda x: layer(x, training=True), autograph=False).get_concrete_function(x)
    assert layer.last_loop.startswith("keras: " + reason)


def test_the_error_of_a_cell_is_its_own(x):
    class Broken(SimpleRNNCell):
        def call(self, inputs, states, training=None):
            raise RuntimeError("this step is broken")

    layer = RNN(Broken(UNITS))
    layer.build(x.shape)
    with pytest.raises(RuntimeError, match="this step is broken"):
        tf.function(layer, autograph=False)(x)


def test_an_outside_tensor_keeps_its_gradient(x):
    outside = tf.constant(0.5)

    class Reading(SimpleRNNCell):
        def call(self, inputs, states, training=None):
            y, _ = super().call(inputs, states)
            y = y * self.outside
            return y, [y]

    def gradient(layer_type, cell):
        layer = layer_type(cell)

        @tf.function(autograph=False)
        def run(x, outside):
            with tf.GradientTape() as tape:
                tape.watch(outside)
                cell.outside = outside
                loss = tf.reduce_sum(layer(x, training=True))
            return tape.gradient(loss, outside)

        cell.outside = outside
        layer(x)
        return run(x, outside).numpy(), layer

    cell = Reading(UNITS)
    found, layer = gradient(RNN, cell)
    assert layer.last_loop == "keras: it reads a tensor from outside"
    np.testing.assert_allclose(found, gradient(keras.layers.RNN, cell)[0], rtol=1e-5)


def test_called_eagerly_it_is_the_loop_of_keras(x):
    layer = RNN(CELLS["gru"]())
    eager = layer(x)
    assert layer.last_loop.startswith("keras: called eagerly")
    np.testing.assert_allclose(tf.function(layer)(x), eager, rtol=2e-6, atol=2e-6)


def test_what_xla_lacks_is_not_compiled(x):
    layer = RNN(SimpleRNNCell(UNITS, activation=tf.math.special.dawsn))
    plain = keras.layers.RNN(layer.cell)
    layer.build(x.shape)
    run = tf.function(lambda x: (layer(x, training=True), plain(x)), autograph=False)
    np.testing.assert_allclose(*run(x), rtol=2e-6, atol=2e-6)
    assert layer.last_loop == "graph"


def _products_by_function(concrete):
    """The number of matrix products in each function of a graph, by name; None: outside loops."""
    definition = concrete.graph.as_graph_def()
    counts = {None: sum(node.op == "MatMul" for node in definition.node)}
    for function in definition.library.function:
        counts[function.signature.name] = sum(n.op == "MatMul" for n in function.node_def)
    return counts


@pytest.mark.parametrize(("name", "in_loops"), [("rnn", 1), ("lstm", 1), ("gru, textbook", 2)])
def test_a_step_multiplies_by_each_recurrent_block_once_forward_and_once_backward(
    name, in_loops, x
):
    layer = RNN(CELLS[name](), return_sequences=True)
    layer.build(x.shape)

    @tf.function(autograph=False)
    def run(x):
        weights = [v.value for v in layer.trainable_variables]
        with portable_loops(), tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, training=True))
        return tape.gradient(loss, [x, *weights])

    counts = _products_by_function(run.get_concrete_function(x))
    outside = counts.pop(None)
    bodies = sorted(n for name, n in counts.items() if "body" in name)
    assert bodies == [in_loops, in_loops]
    # X W_x, its two gradients, and the gradient of each recurrent block.
    assert outside == 3 + in_loops


@pytest.mark.parametrize(
    ("name", "batch_size", "loops"),
    [
        ("gru", 32, 2),
        ("lstm", 64, 2),
        ("residual", 32, 2),
        ("normalised", 32, 2),
        ("gru", 16, 1),
        ("gru", 33, 1),
        ("centred", 32, 1),
        ("batch size", 32, 1),
    ],
)
def test_a_large_batch_of_rows_on_their_own_runs_in_two_loops(name, batch_size, loops):
    x = tf.zeros([batch_size, STEPS, FEATURES])
    layer = RNN(CELLS[name]())
    layer.build(x.shape)
    run = tf.function(lambda x: layer(x, training=False), autograph=False)
    operations = run.get_concrete_function(x).graph.get_operations()
    assert sum(operation.type.endswith("While") for operation in operations) == loops


def test_portable_loops_hold_no_compiled_function(x):
    layer = RNN(CELLS["gru"]())
    layer.build(x.shape)
    for portable in (True, False):
        run = tf.function(lambda x: layer(x, training=True), autograph=False)
        with portable_loops():
            concrete = run.get_concrete_function(x) if portable else None
        concrete = concrete or run.get_concrete_function(x)
        functions = concrete.graph.as_graph_def().library.function
        compiled = any(
            f.attr["_XlaMustCompile"].b for f in functions if "_XlaMustCompile" in f.attr
        )
        assert compiled is not portable
