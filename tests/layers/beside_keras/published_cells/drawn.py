"""Cells that draw random numbers, with seeds that make both layers draw the same."""

import keras
import tensorflow as tf
from keras import ops

from published_cells.case import UNITS, Case
from published_cells.cell import Cell, JoinedCell


class ZoneoutCell(JoinedCell):
    """Units keep their value by chance in training, and in part in inference."""

    def build(self, input_shape):
        super().build(input_shape)
        self.generator = keras.random.SeedGenerator(3)

    def call(self, inputs, states, training=False):
        new = ops.tanh(self.blocks_of(inputs, states[0])[0])
        if training:
            kept = keras.random.uniform(ops.shape(new), seed=self.generator) < 0.3
            h = ops.where(kept, states[0], new)
        else:
            h = 0.3 * states[0] + 0.7 * new
        return h, [h]


class VariationalDropoutCell(JoinedCell):
    """The mask is drawn at the first step of a batch, and kept on the cell until it is reset."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.generator = keras.random.SeedGenerator(5)
        self._mask = None

    def reset(self, _):
        self._mask = None

    def call(self, inputs, states, training=False):
        h = states[0]
        if training:
            if self._mask is None:
                self._mask = keras.random.dropout(ops.ones_like(h), 0.4, seed=self.generator)
            h = h * self._mask
        h = ops.tanh(self.blocks_of(inputs, h)[0])
        return h, [h]


class DropoutWrapper(Cell):
    """Wraps another cell; drops inputs and outputs by layers of Keras, a new mask at each step."""

    def __init__(self, cell, **arguments):
        super().__init__(**arguments)
        self.cell, self.state_size = cell, cell.state_size
        self.before = keras.layers.Dropout(0.3, seed=1)
        self.after = keras.layers.GaussianNoise(0.2, seed=2)

    def build(self, input_shape):
        self.cell.build(input_shape)

    def call(self, inputs, states, training=None):
        y, states = self.cell(self.before(inputs, training=training), states, training=training)
        return self.after(y, training=training), states


class SamplingCell(Cell):
    """Chooses one of its rows by the Gumbel softmax; `tf.random` with a seed of the operation."""

    def build(self, input_shape):
        self.logits = self.weight("logits", input_shape[-1] + UNITS, 3)
        self.rows = self.weight("rows", 3, UNITS, initializer="orthogonal")

    def call(self, inputs, states):
        logits = tf.concat([inputs, states[0]], 1) @ self.logits
        # Else the draws of several steps may come in any order.
        with tf.control_dependencies([logits]):
            uniform = tf.random.uniform(tf.shape(logits), 1e-3, 1.0, seed=11)
        chosen = tf.nn.softmax(logits - tf.math.log(-tf.math.log(uniform)))
        hard = tf.one_hot(tf.argmax(chosen, -1), 3)
        chosen = tf.stop_gradient(hard - chosen) + chosen
        h = tf.tanh(0.5 * states[0] + chosen @ self.rows)
        return h, [h]


class StatelessNoiseCell(JoinedCell):
    """Noise by `tf.random.stateless_normal`, with the step as a seed, which is a state."""

    state_size = (UNITS, 1)

    def call(self, inputs, states, training=None):
        h, step = states
        h = tf.tanh(self.blocks_of(inputs, h)[0])
        seed = tf.stack([7, tf.cast(step[0, 0], tf.int32)])
        if training:
            h = h + 0.1 * tf.random.stateless_normal([UNITS], seed)
        return h, [h, step + 1.0]


class VariationalStateCell(Cell):
    """A latent z = μ + σ ε at each step, and its divergence added as a loss."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1] + UNITS, 2 * UNITS)
        self.generator = keras.random.SeedGenerator(9)

    def call(self, inputs, states):
        a = ops.concatenate([inputs, states[0]], axis=-1) @ self.kernel
        mean, spread = ops.split(a, 2, axis=-1)
        noise = keras.random.normal(ops.shape(mean), seed=self.generator)
        h = ops.tanh(mean + ops.exp(0.5 * spread) * noise)
        return h, [h]


class CachedMaskCell(Cell):
    """Variational dropout: the mask is drawn at the first step, and kept on `self`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._mask = None

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, UNITS)

    def call(self, inputs, states, training=None):
        if self._mask is None:
            self._mask = 2.0 * ops.cast(ops.cos(3 * ops.arange(UNITS)) > 0, "float32")
        h = states[0] * self._mask if training else states[0]
        h = ops.tanh(inputs @ self.kernel + h @ self.recurrent_kernel)
        return h, [h]


CASES = {
    "zoneout": Case(ZoneoutCell),
    "variational dropout": Case(
        VariationalDropoutCell, surroundings=VariationalDropoutCell.reset, built="build"
    ),
    "dropout wrapper": Case(lambda: DropoutWrapper(keras.layers.GRUCell(UNITS))),
    "recurrent dropout of keras": Case(
        lambda: keras.layers.LSTMCell(UNITS, dropout=0.3, recurrent_dropout=0.2, seed=4)
    ),
    "gumbel softmax": Case(SamplingCell),
    "stateless noise": Case(StatelessNoiseCell, noisy_states=False),
    "latent variable": Case(VariationalStateCell),
    "mask kept on self": Case(CachedMaskCell, built="build"),
}
