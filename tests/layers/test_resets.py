"""Steps before which the state is zero: as if another sequence began there."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import GRUCell, LSTMCell, MinGRUCell, RGLRUCell, SimpleRNNCell
from tfseq.layers import RNN, RecurrentStack

BATCH, STEPS, FEATURES, UNITS = 4, 7, 3, 5
RESETS = np.zeros([BATCH, STEPS], bool)
RESETS[0, 3] = RESETS[1, 0] = RESETS[1, 5] = RESETS[3, 1:3] = True


class OwnCell(keras.layers.Layer):
    """Two states, one of them a matrix a row, in a `call` of its own."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units, self.state_size, self.output_size = units, [units, units], units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1] + self.units, self.units), name="kernel")

    def call(self, inputs, states):
        h, total = states
        h = keras.ops.tanh(keras.ops.concatenate([inputs, h], -1) @ self.kernel)
        return h, [h, total * 0.5 + h]


CELLS = [SimpleRNNCell, GRUCell, LSTMCell, MinGRUCell, RGLRUCell, keras.layers.LSTMCell, OwnCell]


def sequences():
    return np.random.default_rng(0).normal(size=(BATCH, STEPS, FEATURES)).astype("float32")


def apart(layer, x):
    """The outputs of each stretch between resets alone, from zero or the given states."""
    outputs = np.zeros([BATCH, STEPS, UNITS], "float32")
    for row in range(BATCH):
        cuts = sorted({0, STEPS, *np.flatnonzero(RESETS[row])})
        for start, stop in itertools.pairwise(cuts):
            states = first_states(layer)
            keep = 0.0 if start or RESETS[row, 0] else 1.0
            states = [s[row : row + 1] * keep for s in states]
            y, *_ = layer(x[row : row + 1, start:stop], initial_state=states)
            outputs[row, start:stop] = y
    return outputs


def first_states(layer):
    rng = np.random.default_rng(1)
    shapes = [s.shape for s in layer.get_initial_state(BATCH)]
    return [tf.constant(rng.normal(size=shape), tf.float32) for shape in shapes]


@pytest.mark.everyday(1)
@pytest.mark.parametrize("cell", CELLS, ids=lambda c: f"{c.__module__.split('.')[0]}-{c.__name__}")
def test_the_state_is_zero_where_another_sequence_begins(cell):
    keras.utils.set_random_seed(3)
    layer = RNN(cell(UNITS), return_sequences=True, return_state=True)
    x = sequences()
    layer(x)
    expected = apart(layer, x)

    def run(x, **options):
        return layer(x, initial_state=first_states(layer), resets=RESETS, **options)

    outputs, *states = run(x)
    np.testing.assert_allclose(outputs, expected, atol=2e-6)
    in_graph = tf.function(lambda x: run(x, training=True), autograph=False)(tf.constant(x))
    np.testing.assert_allclose(in_graph[0], expected, atol=2e-6)
    for one, other in zip(states, in_graph[1:], strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"recompute_steps": 3}, {"parallel": True}])
def test_no_gradient_flows_across_a_reset(options):
    cell = MinGRUCell if options.get("parallel") else GRUCell
    layer = RNN(cell(UNITS), return_sequences=True, **options)
    layer(sequences())

    @tf.function(autograph=False)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, resets=RESETS, training=True)
            last = tf.reduce_sum(y[:, -1])
        return tape.gradient(last, [x, *layer.trainable_variables])

    of_inputs, *of_weights = gradient(tf.constant(sequences()))
    reach = np.abs(of_inputs).sum(-1) > 0
    first = [np.flatnonzero(row)[-1] if row.any() else 0 for row in RESETS]
    for row in range(BATCH):
        assert not reach[row, : first[row]].any()
        assert reach[row, first[row] :].all()

    # That of the weights is what the stretches alone give.
    x = tf.constant(sequences())
    with tf.GradientTape() as tape:
        lasts = [layer(x[row : row + 1, first[row] :])[:, -1] for row in range(BATCH)]
        total = tf.add_n([tf.reduce_sum(last) for last in lasts])
    for one, other in zip(of_weights, tape.gradient(total, layer.trainable_variables), strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(one), other, atol=1e-5)


def test_a_masked_step_with_a_reset_keeps_the_state():
    layer = RNN(LSTMCell(UNITS), return_sequences=True, return_state=True)
    mask = np.ones([BATCH, STEPS], bool)
    mask[0, 3] = False

    @tf.function(autograph=False)
    def run(resets):
        return layer(sequences(), mask=mask, resets=resets, training=True)

    kept = RESETS.copy()
    kept[0, 3] = False
    for one, other in zip(run(RESETS), run(kept), strict=True):
        np.testing.assert_array_equal(one[0], other[0])


@pytest.mark.slow
def test_every_layer_of_a_stack_begins_anew():
    stack = RecurrentStack("lstm", UNITS, num_layers=2)
    x = sequences()
    outputs, _ = stack(x, resets=RESETS)
    alone, _ = stack(x[3:, 2:])
    np.testing.assert_allclose(outputs[3:, 2:], alone, atol=2e-6)


def test_resets_are_checked():
    layer = RNN(GRUCell(UNITS))
    with pytest.raises(ValueError, match="`resets` must be a boolean tensor of the shape"):
        layer(sequences(), resets=RESETS[:, :-1])
