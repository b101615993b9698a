"""Cells of gates: relatives of LSTM and GRU."""

import keras
import tensorflow as tf
from keras import ops

from published_cells.case import UNITS, Case
from published_cells.cell import Cell, JoinedCell


class PeepholeLSTMCell(JoinedCell):
    """The gates see the memory: i, f of c_{t-1}, o of c_t."""

    blocks = 4
    state_size = (UNITS, UNITS)

    def build(self, input_shape):
        super().build(input_shape)
        self.peepholes = self.weight("peepholes", 3, UNITS)

    def call(self, inputs, states):
        h, c = states
        i, f, candidate, o = self.blocks_of(inputs, h)
        i = ops.sigmoid(i + self.peepholes[0] * c)
        f = ops.sigmoid(f + self.peepholes[1] * c + 1.0)
        c = f * c + i * ops.tanh(candidate)
        h = ops.sigmoid(o + self.peepholes[2] * c) * ops.tanh(c)
        return h, [h, c]


class LayerNormLSTMCell(Cell):
    """Layer normalization of both products and of the memory, by layers of Keras."""

    state_size = (UNITS, UNITS)

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.norms = [keras.layers.LayerNormalization(epsilon=1e-3) for _ in range(3)]

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], 4 * UNITS)
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, 4 * UNITS)
        for norm, width in zip(self.norms, (4, 4, 1), strict=True):
            norm.build((None, width * UNITS))

    def call(self, inputs, states, training=None):
        h, c = states
        a = self.norms[0](inputs @ self.kernel) + self.norms[1](h @ self.recurrent_kernel)
        i, f, candidate, o = ops.split(a, 4, axis=-1)
        c = ops.sigmoid(f + 1.0) * c + ops.sigmoid(i) * ops.tanh(candidate)
        c = self.norms[2](c)
        h = ops.sigmoid(o) * ops.tanh(c)
        return h, (h, c)


class LayerNormGRUCell(JoinedCell):
    """A GRU whose gates are normalised by `tf.nn.moments`, as it was written for TensorFlow 1."""

    blocks = 2

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.weight("scale", 2 * UNITS, initializer="ones")
        self.candidate = self.weight("candidate", input_shape[-1] + UNITS, UNITS)

    def call(self, inputs, states):
        (h,) = states
        a = tf.concat(self.blocks_of(inputs, h), 1)
        mean, variance = tf.nn.moments(a, [1], keepdims=True)
        a = self.scale * (a - mean) * tf.math.rsqrt(variance + 1e-3)
        r, z = tf.split(tf.sigmoid(a), 2, 1)
        new = tf.tanh(tf.concat([inputs, r * h], 1) @ self.candidate)
        h = z * h + (1.0 - z) * new
        return h, h


class NASCell(Cell):
    """The cell that a search found: eight products, joined in a tree, and a memory."""

    state_size = (UNITS, UNITS)

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], 8 * UNITS)
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, 8 * UNITS)

    def call(self, inputs, states):
        h, c = states
        m = ops.split(h @ self.recurrent_kernel, 8, axis=1)
        x = ops.split(inputs @ self.kernel, 8, axis=1)
        first = [
            ops.sigmoid(x[0] + m[0]),
            ops.relu(x[1] + m[1]),
            ops.sigmoid(x[2] + m[2]),
            ops.relu(x[3] * m[3]),
            ops.tanh(x[4] + m[4]),
            ops.sigmoid(x[5] + m[5]),
            ops.tanh(x[6] + m[6]),
            ops.sigmoid(x[7] + m[7]),
        ]
        second = [
            ops.tanh(first[0] * first[1]),
            ops.tanh(first[2] + first[3]),
            ops.tanh(first[4] * first[5]),
            ops.sigmoid(first[6] + first[7]),
        ]
        second[0] = ops.tanh(second[0] + c)
        c = second[0] * second[1]
        h = ops.tanh(c * ops.tanh(second[2] + second[3]))
        return h, [h, c]


class JANETCell(JoinedCell):
    """Just another network: the forget gate alone, c = s c + (1 − σ(a − β)) tanh(…)."""

    blocks = 2

    def call(self, inputs, states):
        (h,) = states
        a, candidate = self.blocks_of(inputs, h)
        h = ops.sigmoid(a) * h + (1 - ops.sigmoid(a - 1.0)) * ops.tanh(candidate)
        return h, [h]


class MGUCell(JoinedCell):
    """The minimal gated unit: one gate, which both forgets and resets."""

    def build(self, input_shape):
        super().build(input_shape)
        self.candidate = self.weight("candidate", input_shape[-1] + UNITS, UNITS)

    def call(self, inputs, states):
        (h,) = states
        f = ops.sigmoid(self.blocks_of(inputs, h)[0])
        new = ops.tanh(ops.concatenate([inputs, f * h], axis=-1) @ self.candidate)
        h = (1 - f) * h + f * new
        return h, [h]


class CoupledLSTMCell(JoinedCell):
    """Input and forget gate in one: i = 1 − f. Returns its states as a tuple."""

    blocks = 3
    state_size = (UNITS, UNITS)

    def call(self, inputs, states):
        h, c = states
        f, candidate, o = self.blocks_of(inputs, h)
        f = ops.sigmoid(f)
        c = f * c + (1 - f) * ops.tanh(candidate)
        h = ops.sigmoid(o) * ops.tanh(c)
        return h, (h, c)


class MultiplicativeLSTMCell(Cell):
    """The state meets the input in a product: m = (x W) ⊙ (h U)."""

    state_size = (UNITS, UNITS)

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], 5 * UNITS)
        self.factor = self.weight("factor", UNITS, UNITS)
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, 4 * UNITS)

    def call(self, inputs, states):
        h, c = states
        x = inputs @ self.kernel
        m = x[:, :UNITS] * (h @ self.factor)
        i, f, o, candidate = ops.split(x[:, UNITS:] + m @ self.recurrent_kernel, 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(candidate)
        h = ops.tanh(c) * ops.sigmoid(o)
        return h, [h, c]


class ProjectedLSTMCell(Cell):
    """A memory wider than what is put out: h = (o tanh c) P, clipped."""

    state_size = (UNITS, 6)

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1] + UNITS, 24)
        self.projection = self.weight("projection", 6, UNITS)

    def call(self, inputs, states):
        h, c = states
        a = ops.concatenate([inputs, h], axis=-1) @ self.kernel
        i, f, candidate, o = ops.split(a, 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(candidate)
        c = ops.clip(c, -0.5, 0.5)
        h = (ops.sigmoid(o) * ops.tanh(c)) @ self.projection
        return h, [h, c]


class UGRNNCell(JoinedCell):
    """The update gate RNN, in functions of `tf`."""

    blocks = 2

    def call(self, inputs, state):
        gate, candidate = self.blocks_of(inputs, state[0])
        gate = tf.math.sigmoid(gate + 1.0)
        state = gate * state[0] + (1.0 - gate) * tf.math.tanh(candidate)
        return state, [state]


class IntersectionCell(JoinedCell):
    """The intersection RNN: two gated outputs, one for the layer above, one for the next step."""

    blocks = 4
    output_size = 3

    def call(self, inputs, states):
        (h,) = states
        y, g, z, candidate = self.blocks_of(inputs, h)
        z, g = ops.sigmoid(z + 1.0), ops.sigmoid(g)
        y = g[:, :3] * inputs + (1 - g[:, :3]) * ops.relu(y[:, :3])
        h = z * h + (1 - z) * ops.tanh(candidate)
        return y, [h]


class MinGRUCell(Cell):
    """minGRU: the gate and the candidate are made of x_t alone."""

    def build(self, input_shape):
        self.gate = self.weight("gate", input_shape[-1], UNITS)
        self.candidate = self.weight("candidate", input_shape[-1], UNITS)

    def call(self, inputs, states):
        z = ops.sigmoid(inputs @ self.gate)
        a = inputs @ self.candidate
        new = ops.where(a >= 0, a + 0.5, ops.sigmoid(a))
        h = (1 - z) * states[0] + z * new
        return h, h


class AttentionGateGRUCell(Cell):
    """A GRU whose update gate is scaled by a score, the last number of x_t (AUGRU)."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1] - 1, 3 * UNITS)
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, 3 * UNITS)

    def call(self, inputs, states):
        (h,) = states
        score = tf.nn.sigmoid(inputs[:, -1:])
        x = tf.split(inputs[:, :-1] @ self.kernel, 3, axis=-1)
        s = tf.split(h @ self.recurrent_kernel, 3, axis=-1)
        u = tf.sigmoid(x[0] + s[0]) * score
        r = tf.sigmoid(x[1] + s[1])
        h = (1.0 - u) * h + u * tf.tanh(x[2] + r * s[2])
        return h, [h]


class BistableCell(Cell):
    """nBRC: a in (0, 2) makes a neuron bistable; each remembers by itself."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], 3 * UNITS)
        self.own = self.weight("own", 2, UNITS, initializer="ones")

    def call(self, inputs, states):
        (h,) = states
        a, c, x = ops.unstack(ops.reshape(inputs @ self.kernel, (-1, 3, UNITS)), axis=1)
        a = 1 + ops.tanh(a + self.own[0] * h)
        c = ops.sigmoid(c + self.own[1] * h)
        h = c * h + (1 - c) * ops.tanh(x + a * h)
        return h, [h]


CASES = {
    "peephole lstm": Case(PeepholeLSTMCell),
    "layer-norm lstm": Case(LayerNormLSTMCell),
    "layer-norm gru": Case(LayerNormGRUCell),
    "nas": Case(NASCell),
    "janet": Case(JANETCell),
    "mgu": Case(MGUCell),
    "coupled input and forget": Case(CoupledLSTMCell),
    "multiplicative lstm": Case(MultiplicativeLSTMCell),
    "projected lstm": Case(ProjectedLSTMCell),
    "ugrnn": Case(UGRNNCell),
    "intersection rnn": Case(IntersectionCell),
    "min gru": Case(MinGRUCell),
    "gru with attention gate": Case(AttentionGateGRUCell),
    "bistable": Case(BistableCell),
}
