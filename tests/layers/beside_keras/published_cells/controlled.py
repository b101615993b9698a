"""Cells with control flow, or with functions that TensorFlow calls, in their step."""

import numpy as np
import tensorflow as tf
from keras import ops

from published_cells.case import UNITS, Case
from published_cells.cell import JoinedCell


class BranchingCell(JoinedCell):
    """`tf.cond` on the mean of the state."""

    def call(self, inputs, states):
        (a,) = self.blocks_of(inputs, states[0])
        positive = tf.reduce_mean(states[0]) > 0
        h = tf.cond(positive, lambda: tf.tanh(a), lambda: tf.sigmoid(a) - 0.5)
        return h, [h]


class PonderingCell(JoinedCell):
    """Adaptive computation time: `tf.while_loop` until every row has halted."""

    def build(self, input_shape):
        super().build(input_shape)
        self.halt = self.weight("halt", UNITS, 1, initializer="ones")

    def call(self, inputs, states):
        def think(_, h, total, spent):
            h = tf.tanh(self.blocks_of(inputs, h)[0])
            p = tf.minimum(tf.sigmoid(h @ self.halt), 1.0 - spent)
            return tf.reduce_any(spent + p < 0.9), h, total + p * h, spent + p

        h = states[0]
        start = (tf.constant(True), h, tf.zeros_like(h), tf.zeros_like(h[:, :1]))
        _, _, h, _ = tf.while_loop(lambda go, *_: go, think, start, maximum_iterations=4)
        return h, [h]


class MappedCell(JoinedCell):
    """`tf.map_fn` over the rows."""

    def call(self, inputs, states):
        (a,) = self.blocks_of(inputs, states[0])
        h = tf.map_fn(lambda row: tf.tanh(row) / (1.0 + tf.norm(row)), a)
        h = tf.ensure_shape(h, a.shape)
        return h, [h]


class PythonCell(JoinedCell):
    """`tf.py_function`, which Python runs and a tape differentiates."""

    def call(self, inputs, states):
        (a,) = self.blocks_of(inputs, states[0])
        h = tf.py_function(lambda a: tf.tanh(a) * 0.9, [a], tf.float32)
        h = tf.ensure_shape(h, a.shape)
        return h, [h]


class NumpyCell(JoinedCell):
    """`tf.numpy_function`, with a gradient that goes past it."""

    def call(self, inputs, states):
        (a,) = self.blocks_of(inputs, states[0])
        rounded = tf.numpy_function(lambda a: np.round(a, 1), [a], tf.float32)
        h = tf.tanh(a + tf.stop_gradient(tf.ensure_shape(rounded, a.shape) - a))
        return h, [h]


class FunctionCell(JoinedCell):
    """A `tf.function` of its own within the step."""

    @tf.function(autograph=False)
    def activate(self, a, h):
        return tf.tanh(a) + 0.1 * h

    def call(self, inputs, states):
        h = self.activate(self.blocks_of(inputs, states[0])[0], states[0])
        return h, [h]


class CompiledFunctionCell(JoinedCell):
    """A `tf.function` of its own that XLA compiles."""

    @tf.function(autograph=False, jit_compile=True)
    def activate(self, a):
        return tf.tanh(a) * tf.sigmoid(a + 1.0)

    def call(self, inputs, states):
        h = self.activate(self.blocks_of(inputs, states[0])[0])
        return h, [h]


class DescendingCell(JoinedCell):
    """Takes a step of gradient descent on an energy of its state, by a tape of its own."""

    def build(self, input_shape):
        super().build(input_shape)
        self.couplings = self.weight("couplings", UNITS, UNITS)

    def call(self, inputs, states):
        (h,) = states
        (a,) = self.blocks_of(inputs, h)
        with tf.GradientTape() as tape:
            tape.watch(h)
            energy = tf.reduce_sum((tf.tanh(h @ self.couplings) - tf.sin(a)) ** 2)
        h = h - 0.1 * tape.gradient(energy, h)
        return h, [h]


class SymbolicGradientCell(JoinedCell):
    """The same by `tf.custom_gradient` that reverses and scales what flows back."""

    def call(self, inputs, states):
        @tf.custom_gradient
        def clipped(h):
            return tf.identity(h), lambda d: tf.clip_by_value(0.5 * d, -0.2, 0.2)

        (a,) = self.blocks_of(inputs, clipped(states[0]))
        h = tf.tanh(a)
        return h, [h]


class RecomputingCell(JoinedCell):
    """Recomputes its step on the way back, by `tf.recompute_grad`."""

    def call(self, inputs, states):
        @tf.recompute_grad
        def activate(a):
            return tf.tanh(a) * tf.sigmoid(2 * a)

        h = activate(self.blocks_of(inputs, states[0])[0])
        return h, [h]


class AssertingCell(JoinedCell):
    """Asserts what it expects, and prints nothing if all is well."""

    def call(self, inputs, states):
        checks = [
            tf.debugging.assert_less(tf.abs(states[0]), 100.0),
            tf.debugging.assert_all_finite(inputs, "finite inputs"),
        ]
        with tf.control_dependencies([c for c in checks if c is not None]):
            h = tf.tanh(self.blocks_of(inputs, states[0])[0])
        return h, [h]


class CountingCell(JoinedCell):
    """Counts its calls in a variable, which warms its update up."""

    def build(self, input_shape):
        super().build(input_shape)
        self.calls = self.weight("calls", trainable=False, initializer="zeros")

    def call(self, inputs, states):
        self.calls.assign_add(1.0)
        warm = 1.0 - ops.exp(-self.calls / 5.0)
        h = ops.tanh(warm * self.blocks_of(inputs, states[0])[0])
        return h, [h]


class PythonCountingCell(JoinedCell):
    """Counts its calls in Python, and takes its first call to be the first step."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.seen = {}

    def call(self, inputs, states):
        self.seen["last input"] = inputs
        (a,) = self.blocks_of(inputs, states[0])
        h = tf.tanh(a) + 0.1 * states[0]
        return h, [h]


class VectorizedCell(JoinedCell):
    """`tf.vectorized_map` over the rows, and a `tf.scan` over the units."""

    def call(self, inputs, states):
        (a,) = self.blocks_of(inputs, states[0])
        rows = tf.vectorized_map(lambda row: row / (1.0 + tf.reduce_sum(row**2)), a)
        units = tf.scan(lambda total, unit: 0.5 * total + unit, tf.transpose(rows))
        h = tf.tanh(tf.transpose(units))
        h = tf.ensure_shape(h, a.shape)
        return h, [h]


CASES = {
    "cond": Case(BranchingCell),
    "while loop": Case(PonderingCell),
    "map_fn": Case(MappedCell),
    "vectorized map and scan": Case(VectorizedCell),
    "py_function": Case(PythonCell, differentiable=False),
    "numpy_function": Case(NumpyCell),
    "tf.function inside": Case(FunctionCell),
    "compiled function inside": Case(CompiledFunctionCell),
    "gradient inside": Case(DescendingCell),
    "custom gradient": Case(SymbolicGradientCell),
    "recomputed gradient": Case(RecomputingCell),
    "assertions": Case(AssertingCell),
    "counter variable": Case(CountingCell),
    "input kept on self": Case(PythonCountingCell),
}
