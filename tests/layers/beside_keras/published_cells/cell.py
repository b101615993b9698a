"""What the cells here have in common."""

import keras
from keras import ops

from published_cells.case import UNITS


class Cell(keras.layers.Layer):
    """A Keras cell with one state of `UNITS` numbers, where it says nothing else."""

    state_size = output_size = UNITS

    def weight(self, name, *shape, **arguments):
        return self.add_weight(name=name, shape=shape, **arguments)


class JoinedCell(Cell):
    """Has `kernel` and `bias` for [x_t, h_{t-1}], to give `blocks` blocks of `UNITS`."""

    blocks = 1

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1] + UNITS, self.blocks * UNITS)
        self.bias = self.weight("bias", self.blocks * UNITS, initializer="zeros")

    def blocks_of(self, inputs, h):
        """[x, h] W + b, in blocks."""
        a = ops.concatenate([inputs, h], axis=-1) @ self.kernel + self.bias
        return ops.split(a, self.blocks, axis=-1)
