"""Cells with a memory beside their state: slots, matrices, stacks."""

import keras
import tensorflow as tf
from keras import ops

from published_cells.case import UNITS, Case
from published_cells.cell import Cell, JoinedCell

SLOTS = 5


class TuringCell(JoinedCell):
    """A neural Turing machine: reads by content and place, then erases and adds."""

    blocks = 4
    state_size = (UNITS, (UNITS, SLOTS), SLOTS * UNITS)

    def build(self, input_shape):
        super().build((None, input_shape[-1] + UNITS))
        self.shifts = self.weight("shifts", UNITS, 3)
        self.sharpness = self.weight("sharpness", UNITS, 1)

    def get_initial_state(self, batch_size=None):
        memory = 0.5 * ops.sin(ops.reshape(ops.arange(SLOTS * UNITS, dtype="float32"), (1, -1)))
        first = ops.one_hot(ops.zeros((batch_size,), "int32"), SLOTS)
        memory = ops.tile(memory, (batch_size, 1))
        return [ops.zeros((batch_size, UNITS)), (ops.zeros((batch_size, UNITS)), first), memory]

    def call(self, inputs, states):
        h, (read, weighting), memory = states
        memory = ops.reshape(memory, (-1, SLOTS, UNITS))
        inputs = ops.concatenate([inputs, read], axis=-1)
        key, erased, added, h = self.blocks_of(inputs, h)
        h = ops.tanh(h)
        match = tf.einsum("bu,bsu->bs", tf.nn.l2_normalize(key, -1), tf.nn.l2_normalize(memory, -1))
        by_content = ops.softmax(3 * match)
        shifts = ops.softmax(h @ self.shifts)
        moved = sum(tf.roll(weighting, i - 1, axis=1) * shifts[:, i, None] for i in range(3))
        weighting = (0.5 * by_content + 0.5 * moved + 1e-6) ** (
            1 + ops.softplus(h @ self.sharpness)
        )
        weighting = weighting / ops.sum(weighting, axis=1, keepdims=True)
        memory = memory * (1 - weighting[..., None] * ops.sigmoid(erased)[:, None])
        memory = memory + weighting[..., None] * ops.tanh(added)[:, None]
        read = tf.linalg.matvec(memory, weighting, transpose_a=True)
        return h, [h, (read, weighting), ops.reshape(memory, (-1, SLOTS * UNITS))]


class MatrixLSTMCell(Cell):
    """mLSTM: a matrix of values and keys, and exponential gates that are held in check."""

    state_size = (UNITS * UNITS, UNITS, 1)
    output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], 4 * UNITS + 2)

    def call(self, inputs, states):
        c, n, m = states
        c = ops.reshape(c, (-1, UNITS, UNITS))
        a = inputs @ self.kernel
        q, k, v, o = ops.split(a[:, : 4 * UNITS], 4, axis=-1)
        i, f = a[:, -2:-1], ops.log_sigmoid(a[:, -1:] + 1)
        largest = ops.maximum(f + m, i)
        i, f = ops.exp(i - largest), ops.exp(f + m - largest)
        k = k / UNITS**0.5
        c = f[..., None] * c + i[..., None] * v[:, :, None] * k[:, None]
        n = f * n + i * k
        norm = ops.maximum(ops.abs(ops.sum(n * q, axis=-1, keepdims=True)), ops.exp(-largest))
        h = ops.sigmoid(o) * ops.einsum("bvk,bk->bv", c, q) / norm
        return h, [ops.reshape(c, (-1, UNITS * UNITS)), n, largest]


class ScalarLSTMCell(JoinedCell):
    """sLSTM: exponential gates, a normaliser and a stabiliser for each unit."""

    blocks = 4
    state_size = (UNITS, UNITS, UNITS, UNITS)

    def call(self, inputs, states):
        h, c, n, m = states
        z, i, f, o = self.blocks_of(inputs, h)
        f = ops.log_sigmoid(f)
        largest = ops.maximum(f + m, i)
        i, f = ops.exp(i - largest), ops.exp(f + m - largest)
        c = f * c + i * ops.tanh(z)
        n = f * n + i
        h = ops.sigmoid(o) * c / ops.maximum(n, 1e-3)
        return h, [h, c, n, largest]


class FastWeightsCell(Cell):
    """A = λ A + η h hᵀ, read several times before the step is done, with layer normalization."""

    state_size = (UNITS, (UNITS, UNITS))

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, UNITS)

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, UNITS)), ops.zeros((batch_size, UNITS, UNITS))]

    def call(self, inputs, states):
        h, fast = states
        fast = 0.95 * fast + 0.5 * tf.matmul(h[:, :, None], h[:, None, :])
        a = inputs @ self.kernel + h @ self.recurrent_kernel
        h = tf.nn.relu(a)
        for _ in range(2):
            s = a + tf.squeeze(tf.matmul(fast, h[:, :, None]), -1)
            mean = tf.reduce_mean(s, 1, keepdims=True)
            s = (s - mean) / (tf.math.reduce_std(s, 1, keepdims=True) + 0.1)
            h = tf.nn.relu(s)
        return h, [h, fast]


class PlasticCell(Cell):
    """Differentiable plasticity: w + α ⊙ Hebb, with a trace of each row."""

    state_size = (UNITS, UNITS * UNITS)

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.fixed = self.weight("fixed", UNITS, UNITS)
        self.plastic = self.weight("plastic", UNITS, UNITS)
        self.rate = self.weight("rate", initializer=keras.initializers.Constant(0.1))

    def call(self, inputs, states):
        h, trace = states
        trace = ops.reshape(trace, (-1, UNITS, UNITS))
        own = self.fixed + self.plastic * trace
        new = ops.tanh(inputs @ self.kernel + ops.squeeze(h[:, None] @ own, 1))
        trace = (1 - self.rate) * trace + self.rate * h[:, :, None] * new[:, None, :]
        trace = ops.clip(trace, -1.0, 1.0)
        return new, [new, ops.reshape(trace, (-1, UNITS * UNITS))]


class HolographicCell(Cell):
    """Binds the input to the state by circular convolution, in a Fourier transform."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.role = self.weight("role", UNITS)

    def call(self, inputs, states):
        spectrum = tf.signal.rfft(states[0]) * tf.signal.rfft(self.role)[None]
        bound = tf.signal.irfft(spectrum, fft_length=[UNITS])
        h = tf.tanh(inputs @ self.kernel + bound)
        return h, [h]


class StackCell(JoinedCell):
    """A continuous stack that is pushed and popped by degrees."""

    state_size = (UNITS, (SLOTS, 2))

    def build(self, input_shape):
        super().build((None, input_shape[-1] + 2))
        self.action = self.weight("action", UNITS, 2)
        self.value = self.weight("value", UNITS, 2)

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, UNITS)), ops.zeros((batch_size, SLOTS, 2))]

    def call(self, inputs, states):
        h, stack = states
        h = ops.tanh(self.blocks_of(ops.concatenate([inputs, stack[:, 0]], axis=1), h)[0])
        push, pop = ops.split(ops.softmax(h @ self.action)[..., None], 2, axis=1)
        pushed = ops.concatenate([ops.sigmoid(h @ self.value)[:, None], stack[:, :-1]], axis=1)
        popped = ops.pad(stack[:, 1:], [(0, 0), (0, 1), (0, 0)])
        return h, [h, push * pushed + pop * popped]


class RingBufferCell(Cell):
    """Keeps its last states in a ring; it scatters each to the place that a state counts."""

    state_size = (UNITS, (SLOTS, UNITS), 1)

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1] + UNITS, UNITS)

    def get_initial_state(self, batch_size=None):
        ring = ops.zeros((batch_size, SLOTS, UNITS))
        return [ops.zeros((batch_size, UNITS)), ring, ops.zeros((batch_size, 1))]

    def call(self, inputs, states):
        h, ring, step = states
        place = tf.cast(step[:, 0], tf.int32) % SLOTS
        rows = tf.stack([tf.range(tf.shape(inputs)[0]), place], 1)
        ring = tf.tensor_scatter_nd_update(ring, rows, h)
        past = tf.reduce_mean(ring, 1)
        h = tf.tanh(tf.concat([inputs, past], 1) @ self.kernel)
        return h, [h, ring, step + 1.0]


CASES = {
    "turing machine": Case(TuringCell, noisy_states=False),
    "mlstm": Case(MatrixLSTMCell),
    "slstm": Case(ScalarLSTMCell),
    "fast weights": Case(FastWeightsCell),
    "plastic": Case(PlasticCell),
    "holographic": Case(HolographicCell),
    "stack": Case(StackCell),
    "ring buffer": Case(RingBufferCell, noisy_states=False),
}
