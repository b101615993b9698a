"""Cells that attend: to what they remember, or to the outputs of an encoder."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from published_cells.case import UNITS, Case
from published_cells.cell import Cell

SLOTS = 5


class NestedStateCell(Cell):
    """Its state is a vector, and a pair of a memory and the weights with which it was read."""

    state_size = (UNITS, (5 * UNITS, 5))
    output_size = UNITS

    def build(self, input_shape):
        self.query = self.weight("query", input_shape[-1] + UNITS, UNITS)
        self.value = self.weight("value", input_shape[-1] + UNITS, UNITS)

    def get_initial_state(self, batch_size=None):
        memory = 0.3 * ops.cos(ops.arange(5 * UNITS, dtype="float32"))
        memory = ops.tile(ops.reshape(memory, (1, 5, UNITS)), (batch_size, 1, 1))
        return [ops.zeros((batch_size, UNITS)), (memory, ops.ones((batch_size, 5)) / 5)]

    def call(self, inputs, states):
        h, (memory, before) = states
        joined = ops.concatenate([inputs, h], axis=-1)
        scores = ops.einsum("bsu,bu->bs", memory, ops.matmul(joined, self.query))
        read = 0.5 * ops.softmax(scores) + 0.5 * before
        written = ops.tanh(ops.matmul(joined, self.value))
        memory = memory + read[:, :, None] * written[:, None]
        h = ops.tanh(h + ops.einsum("bsu,bs->bu", memory, read))
        return h, [h, (memory, read)]


class EncoderReadingCell(Cell):
    """Attends to encoder outputs `[batch, length, size]` that it carries as a state."""

    state_size = (UNITS, 6)
    output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1] + 6, UNITS)
        self.match = self.weight("match", UNITS, 6)

    def get_initial_state(self, batch_size=None):
        encoded = ops.sin(ops.reshape(ops.arange(30, dtype="float32"), (1, 5, 6)))
        return [ops.zeros((batch_size, UNITS)), ops.tile(encoded, (batch_size, 1, 1))]

    def call(self, inputs, states):
        h, encoded = states
        scores = ops.squeeze(encoded @ (h @ self.match)[..., None], -1)
        context = ops.sum(ops.softmax(scores)[..., None] * encoded, axis=1)
        h = ops.tanh(ops.concatenate([inputs, context], axis=-1) @ self.kernel)
        return h, [h, encoded]


class AttentiveCell(Cell):
    """Attends to `self.encoded`, a tensor that somebody has put there before."""

    encoded = None

    @property
    def outside(self):
        return [self.encoded]

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1] + UNITS, UNITS)

    def call(self, inputs, states):
        scores = tf.einsum("bu,blu->bl", states[0], self.encoded)
        context = tf.einsum("bl,blu->bu", tf.nn.softmax(scores), self.encoded)
        h = tf.tanh(tf.concat([inputs, context], axis=-1) @ self.kernel)
        return h, [h]


def _give_encoded(cell, batch_size):
    values = np.random.default_rng(5).normal(size=(batch_size, 3, UNITS))
    cell.encoded = tf.constant(values, tf.float32)


class DeltaRuleCell(Cell):
    """Linear attention with the delta rule; the keys are softmaxed, the rate is learned."""

    state_size = ((UNITS, UNITS),)
    output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], 3 * UNITS + 1)

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, UNITS, UNITS))]

    def call(self, inputs, states):
        (s,) = states
        q, k, v, rate = tf.split(inputs @ self.kernel, [UNITS, UNITS, UNITS, 1], -1)
        q, k = tf.nn.softmax(q), tf.nn.softmax(k)
        old = tf.einsum("bkv,bk->bv", s, k)
        s = s + tf.einsum("bk,bv->bkv", k, tf.sigmoid(rate) * (v - old))
        return tf.einsum("bkv,bk->bv", s, q), [s]


class SelfAttentionCell(Cell):
    """Attends over the memory by `keras.layers.MultiHeadAttention`, and moves it along."""

    state_size = ((SLOTS, UNITS),)
    output_size = UNITS

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.attention = keras.layers.MultiHeadAttention(2, 3)
        self.enter = keras.layers.EinsumDense("bf,fu->bu", output_shape=UNITS, activation="tanh")

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, SLOTS, UNITS))]

    def call(self, inputs, states, training=None):
        new = self.enter(inputs)[:, None]
        memory = ops.concatenate([states[0][:, 1:], new], axis=1)
        memory = 0.5 * (memory + self.attention(memory, memory, training=training))
        return memory[:, -1], [memory]


CASES = {
    "nested state": Case(NestedStateCell),
    "encoder outputs as a state": Case(EncoderReadingCell),
    "encoder outputs from outside": Case(AttentiveCell, surroundings=_give_encoded),
    "delta rule": Case(DeltaRuleCell),
    "multi-head attention": Case(SelfAttentionCell),
}
