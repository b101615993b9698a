"""Cells as a person might write them, beside the three of the library."""

import keras
from keras import ops

from tfseq.cells import RecurrentCell


@keras.saving.register_keras_serializable("tests")
class LeakyCell(RecurrentCell):
    """H_t = (H_{t-1} + φ(X_t W_x + H_{t-1} W_h + b)) / 2: an equation, and nothing else."""

    def recur(self, x, states, recurrent_kernel):
        (h,) = states
        return [(h + self.activation(x + ops.matmul(h, recurrent_kernel))) / 2]


class NestedCell(keras.layers.Layer):
    """Two states, of which one is a pair; it says nothing of its outputs' size."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, [units, 3]]

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.mixing = self.add_weight(shape=(3, self.units), name="mixing")

    def get_initial_state(self, batch_size=None):
        sizes = [self.units, self.units, 3]
        h, slow, few = (ops.zeros((batch_size, size)) for size in sizes)
        return [h, [slow, few + 1]]

    def call(self, inputs, states):
        h, (slow, few) = states
        h = ops.tanh(ops.matmul(inputs, self.kernel) + 0.5 * slow + ops.matmul(few, self.mixing))
        return h, [h, [(slow + h) / 2, 0.5 * few + 0.1 * h[:, :3]]]


class MatrixCell(keras.layers.Layer):
    """Its state is a matrix for each row."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.output_size = units
        self.state_size = [[units, 2]]

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, self.units, 2))]

    def call(self, inputs, states):
        (before,) = states
        h = ops.tanh(ops.matmul(inputs, self.kernel) + 0.5 * before[..., 0] - before[..., 1])
        return h, [ops.stack([h, before[..., 0]], axis=-1)]


def plain(units):
    """A function, which nothing has registered, and a cell that gives its state as it is."""
    return PlainCell(units)


class PlainCell(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")

    def call(self, inputs, states):
        state = states[0] if isinstance(states, list | tuple) else states
        h = ops.tanh(ops.matmul(inputs, self.kernel) + 0.5 * state)
        return h, h
