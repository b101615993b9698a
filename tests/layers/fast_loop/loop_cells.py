"""Cells that the tests of the loops run, and what runs them."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell

UNITS = 6
BATCH_SIZE = 3  # Where it is not known when the step is traced.


class LeakyCell(SimpleRNNCell):
    """A user's cell: h_t = (1 − a) h_{t-1} + a φ(…), with a learned for each unit."""

    def build(self, input_shape):
        super().build(input_shape)
        self.rate = self.add_weight(name="rate", shape=(self.units,), initializer="uniform")

    def call(self, inputs, states, training=None):
        (h,) = states
        new, _ = super().call(inputs, states)
        a = ops.sigmoid(self.rate)
        h = (1 - a) * h + a * new
        return h, [h]


class SquaredCell(keras.layers.Layer):
    """Reads one weight in two ways, of which one is no product of rows."""

    state_size = output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(UNITS, UNITS), initializer="orthogonal")

    def call(self, inputs, states):
        (h,) = states
        scale = ops.sum(h) * ops.sum(self.kernel)
        h = ops.tanh(inputs[:, :UNITS] + ops.matmul(h, self.kernel) + 0.01 * scale)
        return h, [h]


class MemorylessCell(keras.layers.Layer):
    """Its output does not depend on the state, and one of its states never changes."""

    state_size = (UNITS, 2)
    output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], UNITS))

    def call(self, inputs, states):
        y = ops.tanh(ops.matmul(inputs, self.kernel))
        return y, [y + 0.5 * states[0], states[1]]


class NormalisedCell(keras.layers.Layer):
    """Joins input and state, and normalises each row."""

    state_size = output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1] + UNITS, UNITS))

    def call(self, inputs, states):
        a = ops.matmul(ops.concatenate([inputs, states[0]], axis=-1), self.kernel)
        a = a - ops.mean(a, axis=-1, keepdims=True)
        h = ops.tanh(a / ops.sqrt(ops.mean(a * a, axis=-1, keepdims=True) + 0.1))
        return h, [h]


class CentredCell(NormalisedCell):
    """Its rows are not independent: their mean is taken away."""

    def call(self, inputs, states):
        h = super().call(inputs, states)[0]
        h = h - ops.mean(h, axis=0, keepdims=True)
        return h, [h]


class _Weighted(keras.layers.Layer):
    state_size = output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], UNITS))
        self.recurrent_kernel = self.add_weight(shape=(UNITS, UNITS))


class ResidualCell(_Weighted):
    """Reads x_t as it is, beside its projection, and a gate that is made of x_t alone."""

    def call(self, inputs, states):
        z = ops.sigmoid(ops.matmul(inputs, self.kernel))
        x = inputs[:, :UNITS]
        h = z * states[0] + (1 - z) * ops.tanh(x + ops.matmul(states[0], self.recurrent_kernel))
        return h + x, [h]


class ScaledCell(_Weighted):
    """Reads a weight, and a number made of it; the weight comes first in a product."""

    def call(self, inputs, states):
        scale = ops.sqrt(ops.sum(self.recurrent_kernel**2))
        a = ops.transpose(ops.matmul(self.recurrent_kernel, ops.transpose(states[0])))
        h = ops.tanh(ops.matmul(inputs, self.kernel) + a / scale)
        return h, [h]


class BatchSizeCell(_Weighted):
    """Computes with the number of rows."""

    def call(self, inputs, states):
        a = ops.matmul(inputs, self.kernel) + ops.matmul(states[0], self.recurrent_kernel)
        h = ops.tanh(a * (inputs.shape[0] or BATCH_SIZE) / 40)
        return h, [h]


class ChoosingCell(_Weighted):
    """Takes rows of a weight that the state chooses, twice."""

    def call(self, inputs, states):
        (h,) = states
        rows = [
            ops.take(self.recurrent_kernel, f(h, axis=1), axis=0) for f in (ops.argmax, ops.argmin)
        ]
        h = ops.tanh(ops.matmul(inputs, self.kernel) + h + rows[0] - rows[1])
        return h, [h]


def _random_bias(cell, **arguments):
    return cell(UNITS, bias_initializer="random_normal", **arguments)


CELLS = {
    "rnn": lambda: _random_bias(SimpleRNNCell),
    "gru": lambda: _random_bias(GRUCell),
    "gru, textbook": lambda: _random_bias(GRUCell, reset_after=False),
    "lstm": lambda: _random_bias(LSTMCell),
    "keras rnn": lambda: _random_bias(keras.layers.SimpleRNNCell),
    "keras gru": lambda: _random_bias(keras.layers.GRUCell),
    "keras lstm": lambda: _random_bias(keras.layers.LSTMCell),
    "stacked": lambda: keras.layers.StackedRNNCells(
        [_random_bias(LSTMCell), _random_bias(keras.layers.GRUCell)]
    ),
    "leaky": lambda: LeakyCell(UNITS),
    "squared": SquaredCell,
    "normalised": NormalisedCell,
    "centred": CentredCell,
    "residual": ResidualCell,
    "scaled": ScaledCell,
    "batch size": BatchSizeCell,
    "choosing": ChoosingCell,
    "memoryless": MemorylessCell,
}


def random_like(tensors, seed=0):
    """Random tensors of the shapes of `tensors`."""
    generator = np.random.default_rng(seed)
    return [tf.constant(generator.normal(size=t.shape), t.dtype) for t in tf.nest.flatten(tensors)]


def results_and_gradients(layer, x, mask=None, known_shapes=True, training=True):
    """Outputs, states, and the gradients for inputs, initial states and weights, of one loss."""
    initial = random_like(layer.get_initial_state(x.shape[0]), seed=1)
    signature = None if known_shapes else [tf.TensorSpec([None, None, x.shape[2]], x.dtype)]

    @tf.function(input_signature=signature, autograph=False)
    def run(x):
        nested = tf.nest.pack_sequence_as(layer.get_initial_state(1), initial)
        weights = [v.value for v in layer.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch([x, *initial])
            y, *states = layer(x, initial_state=nested, mask=mask, training=training)
            results = [y, *tf.nest.flatten(states)]
            loss = sum((i + 1) * tf.reduce_sum(tf.sin(r)) for i, r in enumerate(results))
        return results, tape.gradient(
            loss, [x, *initial, *weights], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )

    return [r.numpy() for r in tf.nest.flatten(run(x))]
