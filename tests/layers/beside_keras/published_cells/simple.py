"""Cells of a few operations: no gates, or gates made of the input alone."""

import keras
import tensorflow as tf
from keras import ops

from published_cells.case import FEATURES, UNITS, Case
from published_cells.cell import Cell, JoinedCell


class IndRNNCell(Cell):
    """Independently recurrent: h = relu(x W + u ⊙ h + b)."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.recurrent = self.weight("recurrent", UNITS, initializer="uniform")
        self.bias = self.weight("bias", UNITS, initializer="zeros")

    def call(self, inputs, states):
        h = ops.relu(inputs @ self.kernel + self.recurrent * states[0] + self.bias)
        return h, [h]


class SRUCell(Cell):
    """The simple recurrent unit, with its highway: nothing multiplies the state by a matrix."""

    state_size = (UNITS,)

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], 4 * UNITS)
        self.v = self.weight("v", 2, UNITS)

    def call(self, inputs, states):
        (c,) = states
        x, f, r, skip = ops.split(ops.matmul(inputs, self.kernel), 4, axis=1)
        f = ops.sigmoid(f + self.v[0] * c)
        r = ops.sigmoid(r + self.v[1] * c)
        c = f * c + (1 - f) * x
        return r * ops.tanh(c) + (1 - r) * skip, [c]


class QRNNCell(Cell):
    """A quasi-recurrent step: gates are convolutions over x_{t-1} and x_t, which is a state."""

    state_size = (UNITS, FEATURES)

    def build(self, input_shape):
        self.kernel = self.weight("kernel", 2 * input_shape[-1], 3 * UNITS)

    def call(self, inputs, states):
        c, before = states
        z, f, o = tf.split(tf.concat([before, inputs], 1) @ self.kernel, 3, 1)
        f = tf.sigmoid(f)
        c = f * c + (1 - f) * tf.tanh(z)
        return tf.sigmoid(o) * c, [c, inputs]


class HighwayCell(Cell):
    """The recurrent highway network: two micro steps in each step."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], 2 * UNITS)
        self.inner = [self.weight(f"inner_{i}", UNITS, 2 * UNITS) for i in range(2)]

    def call(self, inputs, states):
        (s,) = states
        for depth, kernel in enumerate(self.inner):
            a = s @ kernel
            if depth == 0:
                a = a + inputs @ self.kernel
            h, t = ops.split(a, 2, axis=-1)
            t = ops.sigmoid(t - 1.0)
            s = t * ops.tanh(h) + (1 - t) * s
        return s, [s]


class ClockworkCell(Cell):
    """Blocks that change every 1, 2, 4, … steps; the number of the step is a state of each row."""

    state_size = (UNITS, 1)

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, UNITS)

    def call(self, inputs, states):
        h, step = states
        periods = tf.constant([[1.0, 2.0, 4.0, 8.0]])
        due = tf.equal(tf.math.floormod(step, periods), 0.0)
        slower = tf.linalg.band_part(tf.ones([UNITS, UNITS]), -1, 0)
        new = tf.tanh(inputs @ self.kernel + h @ (self.recurrent_kernel * slower))
        h = tf.where(due, new, h)
        return h, [h, step + 1.0]


class ReservoirCell(Cell):
    """An echo state network: fixed random matrices, and a learned scale of the input."""

    def build(self, input_shape):
        fixed = {"trainable": False, "initializer": "orthogonal"}
        self.kernel = self.weight("kernel", input_shape[-1], UNITS, **fixed)
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, UNITS, **fixed)
        self.scale = self.weight("scale", initializer="ones")

    def call(self, inputs, states):
        new = ops.tanh(
            self.scale * (inputs @ self.kernel) + 0.9 * states[0] @ self.recurrent_kernel
        )
        h = 0.7 * states[0] + 0.3 * new
        return h, [h]


class SCRNCell(Cell):
    """Structurally constrained: slow units that leak, and fast ones that read them."""

    state_size = (UNITS, 2)
    output_size = UNITS + 2

    def build(self, input_shape):
        self.slow = self.weight("slow", input_shape[-1], 2)
        self.kernel = self.weight("kernel", input_shape[-1] + UNITS + 2, UNITS)

    def call(self, inputs, states):
        h, s = states
        s = 0.05 * (inputs @ self.slow) + 0.95 * s
        h = ops.sigmoid(ops.concatenate([s, inputs, h], axis=1) @ self.kernel)
        return ops.concatenate([h, s], axis=1), [h, s]


class ElmanInEinsumCell(Cell):
    """Every product an einsum, the weights with an axis for the heads."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], 2, UNITS // 2)
        self.recurrent_kernel = self.weight("recurrent_kernel", 2, UNITS // 2, UNITS // 2)

    def call(self, inputs, states):
        h = tf.reshape(states[0], [-1, 2, UNITS // 2])
        a = tf.einsum("bi,inh->bnh", inputs, self.kernel)
        h = tf.tanh(a + tf.einsum("bnh,nhk->bnk", h, self.recurrent_kernel))
        h = tf.reshape(h, [-1, UNITS])
        return h, [h]


class MultiplicativeIntegrationCell(Cell):
    """h = tanh(α x W ⊙ h U + β₁ h U + β₂ x W + b)."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, UNITS)
        self.factors = self.weight("factors", 4, UNITS, initializer="ones")

    def call(self, inputs, states):
        x, s = inputs @ self.kernel, states[0] @ self.recurrent_kernel
        a, b1, b2, b = ops.unstack(self.factors)
        h = ops.tanh(a * x * s + b1 * s + b2 * x + b)
        return h, [h]


class SwishCell(JoinedCell):
    """Activations that have gradients of their own: silu, and gelu."""

    def call(self, inputs, states):
        (a,) = self.blocks_of(inputs, states[0])
        h = ops.silu(a) + 0.1 * ops.gelu(a)
        return h, [h]


class NextInputCell(Cell):
    """No weight at all: an exponential mean of the inputs, and their largest value until now."""

    state_size = (FEATURES, FEATURES)
    output_size = FEATURES

    def call(self, inputs, states):
        mean = 0.9 * states[0] + 0.1 * inputs
        largest = ops.maximum(states[1], inputs)
        return largest - mean, [mean, largest]


CASES = {
    "indrnn": Case(IndRNNCell),
    "sru": Case(SRUCell),
    "qrnn": Case(QRNNCell),
    "highway": Case(HighwayCell),
    "clockwork": Case(ClockworkCell, noisy_states=False),
    "reservoir": Case(ReservoirCell),
    "scrn": Case(SCRNCell),
    "einsum with heads": Case(ElmanInEinsumCell),
    "multiplicative integration": Case(MultiplicativeIntegrationCell),
    "silu": Case(SwishCell),
    "no weights": Case(NextInputCell),
    "gru of keras": Case(lambda: keras.layers.GRUCell(UNITS, bias_initializer="normal")),
}
