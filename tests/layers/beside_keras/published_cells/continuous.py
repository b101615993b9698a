"""Cells that are steps of an equation in continuous time."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from published_cells.case import UNITS, Case
from published_cells.cell import Cell, JoinedCell


class PhasedLSTMCell(JoinedCell):
    """An LSTM with a gate that opens with the time, the last number of x_t."""

    blocks = 4
    state_size = (UNITS, UNITS)

    def build(self, input_shape):
        super().build(input_shape)
        periods = keras.initializers.RandomUniform(0.5, 3.0)
        self.period = self.weight("period", UNITS, initializer=periods)
        self.shift = self.weight("shift", UNITS, initializer="zeros")
        self.ratio = self.weight("ratio", UNITS, initializer=keras.initializers.Constant(0.3))

    def call(self, inputs, states):
        h, c = states
        phase = tf.math.floormod(inputs[:, -1:] - self.shift, self.period) / self.period
        rising, falling = 2.0 * phase / self.ratio, 2.0 - 2.0 * phase / self.ratio
        gate = tf.where(phase < self.ratio, falling, 0.01 * phase)
        gate = tf.where(phase < 0.5 * self.ratio, rising, gate)
        i, f, candidate, o = self.blocks_of(inputs, h)
        new_c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(candidate)
        new_h = ops.sigmoid(o) * ops.tanh(new_c)
        c, h = gate * new_c + (1 - gate) * c, gate * new_h + (1 - gate) * h
        return h, [h, c]


class EulerCell(JoinedCell):
    """h += 0.2 tanh([x, h] W + b), three times."""

    def call(self, inputs, states):
        (h,) = states
        for dt in (0.2, 0.2, 0.1):
            h = h + dt * (ops.tanh(self.blocks_of(inputs, h)[0]) - h)
        return h, [h]


class RungeKuttaCell(JoinedCell):
    """A step of RK4 of h' = tanh([x, h] W + b) − h, of a length that x_t gives."""

    def call(self, inputs, states):
        (h,) = states
        dt = ops.softplus(inputs[:, :1])

        def slope(h):
            return ops.tanh(self.blocks_of(inputs, h)[0]) - h

        k1 = slope(h)
        k2 = slope(h + dt / 2 * k1)
        k3 = slope(h + dt / 2 * k2)
        k4 = slope(h + dt * k3)
        h = h + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return h, [h]


class LiquidCell(Cell):
    """A liquid time constant network: synapses between all neurons, in a fused solver step."""

    def build(self, input_shape):
        size = input_shape[-1]
        positive = keras.initializers.RandomUniform(0.1, 1.0)
        self.leak = self.weight("leak", UNITS, initializer=positive)
        self.strength = self.weight("strength", size + UNITS, UNITS, initializer=positive)
        self.mean = self.weight("mean", size + UNITS, UNITS, initializer="uniform")
        self.width = self.weight("width", size + UNITS, UNITS, initializer=positive)
        self.target = self.weight("target", size + UNITS, UNITS, initializer="orthogonal")

    def call(self, inputs, states):
        (v,) = states
        leak = ops.softplus(self.leak)
        for _ in range(2):
            source = ops.expand_dims(ops.concatenate([inputs, v], axis=-1), -1)
            active = ops.softplus(self.strength) * ops.sigmoid((source - self.mean) * self.width)
            total = ops.sum(active, axis=1)
            drive = ops.sum(active * self.target, axis=1)
            v = (3.0 * v + leak * 0.1 + drive) / (3.0 + leak + total + 1e-8)
        return v, [v]


class ClosedFormCell(Cell):
    """CfC: σ(−f t) ⊙ g + (1 − σ(−f t)) ⊙ h, of a backbone of Dense layers."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.backbone = keras.layers.Dense(5, activation="tanh")
        self.heads = [keras.layers.Dense(UNITS) for _ in range(3)]

    def build(self, input_shape):
        self.backbone.build((None, input_shape[-1] + UNITS))
        for head in self.heads:
            head.build((None, 5))

    def call(self, inputs, states, training=None, **kwargs):
        shared = self.backbone(ops.concatenate([inputs, states[0]], axis=-1))
        f, g, h = (head(shared) for head in self.heads)
        gate = ops.sigmoid(-f * (1.0 + ops.abs(inputs[:, -1:])))
        h = gate * ops.tanh(g) + (1 - gate) * ops.tanh(h)
        return h, [h]


class LegendreCell(Cell):
    """LMU: a memory m = m A + u B with the fixed matrices of Legendre polynomials."""

    state_size = (UNITS, 5)

    def __init__(self, **arguments):
        super().__init__(**arguments)
        q = np.arange(5)
        i, j = np.meshgrid(q, q, indexing="ij")
        a = np.where(i < j, -1.0, (-1.0) ** (i - j + 1)) * (2 * i + 1) / 8
        b = (-1.0) ** q * (2 * q + 1) / 8
        self.a = tf.constant(a.T + np.eye(5), tf.float32)
        self.b = tf.constant(b[None], tf.float32)

    def build(self, input_shape):
        self.of_input = self.weight("of_input", input_shape[-1], 1)
        self.of_state = self.weight("of_state", UNITS, 1)
        self.of_memory = self.weight("of_memory", 5, 1)
        self.kernel = self.weight("kernel", input_shape[-1] + UNITS + 5, UNITS)

    def call(self, inputs, states):
        h, m = states
        u = inputs @ self.of_input + h @ self.of_state + m @ self.of_memory
        m = m @ self.a + u @ self.b
        h = ops.tanh(ops.concatenate([inputs, h, m], axis=1) @ self.kernel)
        return h, [h, m]


class AntisymmetricCell(Cell):
    """h += ε tanh(x V + h (W − Wᵀ − γ I) + b)."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, UNITS)
        self.bias = self.weight("bias", UNITS, initializer="zeros")

    def call(self, inputs, states):
        w = self.recurrent_kernel - ops.transpose(self.recurrent_kernel) - 0.1 * ops.eye(UNITS)
        h = states[0] + 0.3 * ops.tanh(inputs @ self.kernel + states[0] @ w + self.bias)
        return h, [h]


class OscillatorCell(JoinedCell):
    """coRNN: positions and velocities of driven, damped oscillators."""

    state_size = (UNITS, UNITS)

    def build(self, input_shape):
        super().build(input_shape)
        self.of_velocity = self.weight("of_velocity", UNITS, UNITS)

    def call(self, inputs, states):
        y, z = states
        force = ops.tanh(self.blocks_of(inputs, y)[0] + z @ self.of_velocity)
        z = z + 0.2 * (force - 1.5 * y - 0.8 * z)
        y = y + 0.2 * z
        return y, [y, z]


class DecayingGRUCell(Cell):
    """GRU-D: x_t holds values, which of them are missing, and since when; the state decays."""

    state_size = (UNITS, 1)

    def build(self, input_shape):
        self.decay = self.weight("decay", 1, UNITS, initializer="uniform")
        self.kernel = self.weight("kernel", 2 + UNITS, 2 * UNITS)
        self.candidate = self.weight("candidate", 2 + UNITS, UNITS)

    def call(self, inputs, states):
        h, last = states
        value, missing, since = tf.unstack(inputs, axis=-1)
        value, since = value[:, None], tf.abs(since)[:, None]
        missing = tf.cast(missing > 0, tf.float32)[:, None]
        value = missing * last * tf.exp(-since) + (1 - missing) * value
        h = h * tf.exp(-tf.nn.relu(since @ self.decay))
        joined = tf.concat([value, missing], -1)
        z, r = tf.split(tf.sigmoid(tf.concat([joined, h], -1) @ self.kernel), 2, -1)
        h = z * h + (1 - z) * tf.tanh(tf.concat([joined, r * h], -1) @ self.candidate)
        return h, [h, value]


CASES = {
    "phased lstm": Case(PhasedLSTMCell),
    "euler": Case(EulerCell),
    "runge-kutta": Case(RungeKuttaCell),
    "ltc": Case(LiquidCell),
    "cfc": Case(ClosedFormCell),
    "lmu": Case(LegendreCell),
    "antisymmetric": Case(AntisymmetricCell),
    "oscillators": Case(OscillatorCell),
    "gru-d": Case(DecayingGRUCell),
}
