"""One cell of each kind that has been run wrongly."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from published_cells.case import FEATURES, UNITS, Case


class RotatedCell(keras.layers.Layer):
    """z = (cos w + i sin w) · (h + i x V), h' = tanh(Re z) + 0.1 Im z: complex inside alone."""

    state_size = output_size = UNITS

    def build(self, input_shape):
        self.angle = self.add_weight(name="angle", shape=(UNITS,), initializer="uniform")
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], UNITS))

    def call(self, inputs, states):
        rotation = tf.complex(tf.cos(self.angle), tf.sin(self.angle))
        z = rotation * tf.complex(states[0], tf.matmul(inputs, self.kernel))
        h = tf.tanh(tf.math.real(z)) + 0.1 * tf.math.imag(z)
        return h, [h]


class DenseCell(keras.layers.Layer):
    """h' = tanh(Dense(x) + Dense(h)); `__init__` makes the layers, the first call builds them."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units
        self.of_input = keras.layers.Dense(units)
        self.of_state = keras.layers.Dense(units, use_bias=False)

    def call(self, inputs, states):
        h = ops.tanh(self.of_input(inputs) + self.of_state(states[0]))
        return h, [h]


class GatedDenseCell(keras.layers.Layer):
    """A gate and a candidate, both `Dense` layers that `build` makes and does not build."""

    state_size = output_size = UNITS

    def build(self, input_shape):
        self.gate = keras.layers.Dense(UNITS, activation="sigmoid")
        self.candidate = keras.layers.Dense(UNITS, activation="tanh", kernel_regularizer="l2")
        super().build(input_shape)

    def call(self, inputs, states, training=None):
        joined = ops.concatenate([inputs, states[0]], axis=-1)
        z = self.gate(joined)
        h = z * states[0] + (1 - z) * self.candidate(joined)
        return h, [h]


class KalmanCell(keras.layers.Layer):
    """A learned filter: its state is an estimate, and the covariance of each row on its own."""

    state_size = (UNITS, UNITS * UNITS)
    output_size = UNITS

    def build(self, input_shape):
        self.motion = self.add_weight(name="motion", shape=(UNITS, UNITS), initializer="identity")
        self.sight = self.add_weight(name="sight", shape=(input_shape[-1], UNITS))

    def get_initial_state(self, batch_size=None):
        identity = ops.reshape(ops.eye(UNITS), (1, -1))
        return [ops.zeros((batch_size, UNITS)), ops.tile(identity, (batch_size, 1))]

    def call(self, inputs, states):
        mean, covariance = states
        covariance = tf.reshape(covariance, [-1, UNITS, UNITS])
        mean = tf.matmul(mean[:, None], self.motion[None])[:, 0]
        covariance = self.motion @ covariance @ tf.transpose(self.motion) + 0.1 * tf.eye(UNITS)
        seen = self.sight @ covariance @ tf.transpose(self.sight) + tf.eye(inputs.shape[-1])
        gain = covariance @ tf.transpose(self.sight) @ tf.linalg.inv(seen)
        surprise = inputs - mean @ tf.transpose(self.sight)
        mean = mean + tf.linalg.matvec(gain, surprise)
        covariance = covariance - gain @ self.sight @ covariance
        return mean, [mean, tf.reshape(covariance, [-1, UNITS * UNITS])]


class ProductCell(keras.layers.Layer):
    """h' = tanh(x + h K), written as a product of each row's matrix with K[None]."""

    state_size = output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(UNITS, UNITS))

    def call(self, inputs, states):
        h = tf.tanh(inputs[:, :1] + tf.matmul(states[0][:, None], self.kernel[None])[:, 0])
        return h, [h]


class ConvolutionCell(keras.layers.Layer):
    """h' = tanh(W * x + U * h): images that come and images that are remembered."""

    state_size = ((5, 5, 2),)

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(3, 3, input_shape[-1], 2))
        self.recurrent_kernel = self.add_weight(name="recurrent_kernel", shape=(3, 3, 2, 2))

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, 5, 5, 2))]

    def call(self, inputs, states):
        h = ops.conv(inputs, self.kernel, padding="same")
        h = ops.tanh(h + ops.conv(states[0], self.recurrent_kernel, padding="same"))
        return h, [h]


class NestedStateCell(keras.layers.Layer):
    """Its state is a vector, and a pair of a memory and the weights with which it was read."""

    state_size = (UNITS, (5 * UNITS, 5))
    output_size = UNITS

    def build(self, input_shape):
        self.query = self.add_weight(name="query", shape=(input_shape[-1] + UNITS, UNITS))
        self.value = self.add_weight(name="value", shape=(input_shape[-1] + UNITS, UNITS))

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


class EncoderReadingCell(keras.layers.Layer):
    """Attends to encoder outputs `[batch, length, size]` that it carries as a state."""

    state_size = (UNITS, 6)
    output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1] + 6, UNITS))
        self.match = self.add_weight(name="match", shape=(UNITS, 6))

    def get_initial_state(self, batch_size=None):
        encoded = ops.sin(ops.reshape(ops.arange(30, dtype="float32"), (1, 5, 6)))
        return [ops.zeros((batch_size, UNITS)), ops.tile(encoded, (batch_size, 1, 1))]

    def call(self, inputs, states):
        h, encoded = states
        scores = ops.squeeze(encoded @ (h @ self.match)[..., None], -1)
        context = ops.sum(ops.softmax(scores)[..., None] * encoded, axis=1)
        h = ops.tanh(ops.concatenate([inputs, context], axis=-1) @ self.kernel)
        return h, [h, encoded]


class CountingStateCell(keras.layers.Layer):
    """A state that has no batch axis: the number of the step, which scales the update."""

    state_size = (UNITS, 1)
    output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1] + UNITS, UNITS))

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, UNITS)), ops.zeros(())]

    def call(self, inputs, states):
        h, step = states
        update = ops.tanh(ops.concatenate([inputs, h], axis=-1) @ self.kernel)
        h = h + update / (step + 1.0)
        return h, [h, step + 1.0]


class SharedMemoryCell(keras.layers.Layer):
    """All rows read from and write to one memory, a matrix without a batch axis."""

    state_size = (UNITS, UNITS)
    output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1] + UNITS, UNITS))

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, UNITS)), ops.eye(UNITS)]

    def call(self, inputs, states):
        h, memory = states
        a = ops.tanh(ops.concatenate([inputs, h @ memory], axis=-1) @ self.kernel)
        memory = 0.9 * memory + 0.1 * ops.matmul(ops.transpose(a), a) / ops.cast(
            ops.shape(a)[0], "float32"
        )
        return a, [a, memory]


class CachedMaskCell(keras.layers.Layer):
    """Variational dropout: the mask is drawn at the first step, and kept on `self`."""

    state_size = output_size = UNITS

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._mask = None

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], UNITS))
        self.recurrent_kernel = self.add_weight(name="recurrent_kernel", shape=(UNITS, UNITS))

    def call(self, inputs, states, training=None):
        if self._mask is None:
            self._mask = 2.0 * ops.cast(ops.cos(3 * ops.arange(UNITS)) > 0, "float32")
        h = states[0] * self._mask if training else states[0]
        h = ops.tanh(inputs @ self.kernel + h @ self.recurrent_kernel)
        return h, [h]


class DecomposedCell(keras.layers.Layer):
    """Multiplies by the upper factor of a decomposition, which has no gradient."""

    state_size = output_size = UNITS
    stopped = False

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], UNITS))
        self.mixing = self.add_weight(name="mixing", shape=(UNITS, UNITS), initializer="identity")

    def call(self, inputs, states):
        factors, _ = tf.linalg.lu(self.mixing + 0.1 * tf.reduce_mean(states[0]))
        upper = tf.linalg.band_part(factors, 0, -1)
        upper = tf.stop_gradient(upper) if self.stopped else upper
        h = tf.tanh(inputs @ self.kernel + states[0] @ upper)
        return h, [h]


class StoppedDecomposedCell(DecomposedCell):
    """The same, without asking for that gradient: the mixing matrix has none."""

    stopped = True


class RoundedCell(keras.layers.Layer):
    """Rounds what it multiplies to bfloat16, and goes on in float32."""

    state_size = output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1] + UNITS, UNITS))

    def call(self, inputs, states):
        joined = tf.concat([inputs, states[0]], axis=-1)
        rounded = [tf.cast(tf.cast(t, "bfloat16"), "float32") for t in (joined, self.kernel)]
        h = tf.tanh(tf.matmul(*rounded))
        h = tf.cast(tf.cast(3.0 * h, "bfloat16"), "float32") / 3.0
        return h, [h]


class AttentiveCell(keras.layers.Layer):
    """Attends to `self.encoded`, a tensor that somebody has put there before."""

    state_size = output_size = UNITS
    encoded = None

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1] + UNITS, UNITS))

    def call(self, inputs, states):
        scores = tf.einsum("bu,blu->bl", states[0], self.encoded)
        context = tf.einsum("bl,blu->bu", tf.nn.softmax(scores), self.encoded)
        h = tf.tanh(tf.concat([inputs, context], axis=-1) @ self.kernel)
        return h, [h]


def _give_encoded(cell, batch_size):
    values = np.random.default_rng(5).normal(size=(batch_size, 3, UNITS))
    cell.encoded = tf.constant(values, tf.float32)


CASES = {
    "complex rotation": Case(RotatedCell),
    "dense layers of init": Case(lambda: DenseCell(UNITS)),
    "dense layers of build": Case(GatedDenseCell),
    "kalman": Case(KalmanCell, noisy_states=False),
    "product of each row": Case(ProductCell),
    "convolution": Case(ConvolutionCell, features=(5, 5, FEATURES)),
    "nested state": Case(NestedStateCell),
    "encoder outputs as a state": Case(EncoderReadingCell),
    "encoder outputs from outside": Case(AttentiveCell, surroundings=_give_encoded),
    "step counter as a state": Case(CountingStateCell, masks=False),
    "shared memory": Case(SharedMemoryCell, masks=False),
    "mask kept on self": Case(CachedMaskCell),
    "lu": Case(DecomposedCell, differentiable=False),
    "lu, not differentiated": Case(StoppedDecomposedCell),
    "rounded to bfloat16": Case(RoundedCell, tolerance=1e-4),
}
