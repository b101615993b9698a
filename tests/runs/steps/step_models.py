"""Cells, layers and an optimizer that a training step has to see through."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfseq.cells import GRUCell


class CentredCell(GRUCell):
    """The mean over the batch is taken from its states."""

    def call(self, inputs, states, **options):
        h, _ = super().call(inputs, states)
        h = h - ops.mean(h, axis=0, keepdims=True)
        return h, [h]


class RelativeCell(GRUCell):
    """Computes with the number of rows."""

    def call(self, inputs, states, **options):
        h, _ = super().call(inputs * inputs.shape[0] / 40, states)
        return h, [h]


class CountingCell(GRUCell):
    """Counts its steps in a weight, and reads what it has counted."""

    def build(self, input_shape):
        super().build(input_shape)
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs, states, **options):
        self.count.assign(self.count + 0.1)
        h, _ = super().call(inputs + self.count, states)
        return h, [h]


class SortingCell(GRUCell):
    """Has an operation that XLA's loops are not known to compute alike."""

    def call(self, inputs, states, **options):
        h, _ = super().call(ops.sort(inputs), states)
        return ops.maximum(h, -0.1), [h]


class DroppingCell(GRUCell):
    """Draws a mask at each step."""

    def __init__(self, units, **options):
        super().__init__(units, **options)
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, inputs, states, **options):
        h, _ = super().call(keras.random.dropout(inputs, 0.3, seed=self.seeds), states)
        return h, [h]


class CallingPython(keras.layers.Layer):
    """Calls Python, which XLA cannot."""

    def call(self, inputs):
        y = tf.numpy_function(np.copy, [inputs], inputs.dtype)
        return inputs + 0 * tf.stop_gradient(tf.ensure_shape(y, inputs.shape))


class Counter(keras.layers.Layer):
    """Counts calls in a variable that Keras does not know, and reads it."""

    def build(self, input_shape):
        self.calls = tf.Variable(0.0, trainable=False)

    def call(self, inputs):
        return inputs * (1 + 0.1 * self.calls.assign_add(1.0))


class Squares(keras.layers.Layer):
    """Penalises what it reads, as Keras does: by the mean over the rows."""

    def call(self, inputs):
        self.add_loss(0.1 * ops.mean(inputs**2))
        return inputs


class Noise(keras.layers.Layer):
    """Draws random numbers of TensorFlow's own."""

    def call(self, inputs, training=None):
        return inputs + tf.random.normal(tf.shape(inputs)) if training else inputs


class SlowSGD(keras.optimizers.SGD):
    """Calls Python, which XLA cannot."""

    def update_step(self, gradient, variable, learning_rate):
        copy = tf.numpy_function(np.copy, [gradient], gradient.dtype)
        super().update_step(tf.ensure_shape(copy, variable.shape), variable, learning_rate)


def slow_sgd(learning_rate):
    return SlowSGD(learning_rate, momentum=0.9)
