"""Cells of other types than float32, and written in other ways than most."""

import numpy as np
import tensorflow as tf
from keras import ops

from published_cells.case import FEATURES, UNITS, Case
from published_cells.cell import JoinedCell


class OtherNamesCell(JoinedCell):
    """Names its arguments as it likes, takes keyword arguments, and returns a bare tensor."""

    def call(self, x_t, h_tm1, *, scale=1.0, **kwargs):
        h = scale * tf.tanh(self.blocks_of(x_t, h_tm1[0])[0])
        return h, h


class PlainCell:
    """No layer of Keras: an object with what `RNN` asks of a cell, and a variable."""

    state_size = output_size = UNITS
    compute_dtype = "float32"

    def __init__(self):
        values = np.random.default_rng(8).normal(size=(FEATURES + UNITS, UNITS))
        self.kernel = tf.Variable(0.5 * values, dtype=tf.float32)

    @property
    def outside(self):
        return [self.kernel]

    def call(self, inputs, states):
        h = tf.tanh(tf.concat([inputs, states[0]], axis=1) @ self.kernel)
        return h, [h]

    __call__ = call


class VariableCell(JoinedCell):
    """Beside its weights it has a `tf.Variable`, of which Keras knows nothing."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.factor = tf.Variable(tf.linspace(0.5, 1.5, UNITS))

    @property
    def outside(self):
        return [self.factor]

    def call(self, inputs, states):
        h = tf.tanh(self.factor * self.blocks_of(inputs, states[0])[0])
        return h, [h]


class TypedCell(JoinedCell):
    """For types other than float32: whatever it has, it computes in."""

    def call(self, inputs, states):
        (a,) = self.blocks_of(inputs, states[0])
        h = ops.tanh(a) * ops.cast(0.9, a.dtype)
        return h, [h]


def _typed(dtype, layer_dtype=None, **arguments):
    return Case(lambda: TypedCell(dtype=dtype), layer={"dtype": layer_dtype or dtype}, **arguments)


CASES = {
    "other names": Case(OtherNamesCell),
    "not a layer": Case(PlainCell),
    "variable of tensorflow": Case(VariableCell),
    "float64": _typed("float64", tolerance=1e-9),
    "float16": _typed("float16", tolerance=2e-2),
    "bfloat16": _typed("bfloat16", tolerance=1e-1),
    "mixed_bfloat16": _typed("mixed_bfloat16", tolerance=1e-1),
    "float64 in a float32 layer": _typed("float64", "float32"),
}
