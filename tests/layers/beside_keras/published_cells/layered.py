"""Cells made of layers of Keras, or of other cells."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from published_cells.case import FEATURES, UNITS, Case
from published_cells.cell import Cell, JoinedCell


class ManyLayersCell(Cell):
    """`Dense` with regularizers, `LayerNormalization` and `Dropout(0)`, made in `__init__`."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.hidden = layers.Dense(5, activation="relu", kernel_regularizer="l2")
        self.norm = layers.LayerNormalization()
        self.drop = layers.Dropout(0.0)
        self.out = layers.Dense(UNITS, activation="tanh", activity_regularizer=None)

    def call(self, inputs, states, training=None):
        a = self.hidden(ops.concatenate([inputs, states[0]], axis=-1))
        h = self.out(self.drop(self.norm(a), training=training))
        return h, [h]


class SequentialCell(Cell):
    """The step is a `keras.Sequential`, built when it is first called."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.network = keras.Sequential([layers.Dense(5, "relu"), layers.Dense(UNITS, "tanh")])

    def call(self, inputs, states):
        h = 0.5 * states[0] + self.network(ops.concatenate([inputs, states[0]], axis=-1))
        return h, [h]


class FunctionalCell(Cell):
    """The step is a functional model of two inputs and two outputs."""

    def build(self, input_shape):
        x, h = keras.Input((input_shape[-1],)), keras.Input((UNITS,))
        new = layers.Dense(UNITS, "tanh")(layers.Concatenate()([x, h]))
        y = layers.Dense(3)(new)
        self.network = keras.Model([x, h], [y, new])

    output_size = 3

    def call(self, inputs, states):
        y, h = self.network([inputs, states[0]])
        return y, [h]


class BatchNormCell(Cell):
    """Recurrent batch normalization: moving means are written at each step of training."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.norm = layers.BatchNormalization(momentum=0.8)

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1] + UNITS, UNITS)
        self.norm.build((None, UNITS))

    def call(self, inputs, states, training=None):
        a = ops.concatenate([inputs, states[0]], axis=-1) @ self.kernel
        h = ops.tanh(self.norm(a, training=training))
        return h, [h]


class EmbeddingCell(Cell):
    """Takes an id at each step, and embeds it in a layer of its own."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.embedding = layers.Embedding(7, UNITS)
        self.cell = layers.SimpleRNNCell(UNITS)

    def build(self, input_shape):
        self.embedding.build((None,))
        self.cell.build((None, UNITS))

    def call(self, inputs, states):
        return self.cell(self.embedding(ops.cast(inputs[:, 0], "int32")), states)


def _ids(random, shape):
    return random.integers(0, 7, shape).astype("float32")


class ResidualWrapper(Cell):
    """y = cell(x) + x, around any cell."""

    output_size = FEATURES

    def __init__(self, cell, **arguments):
        super().__init__(**arguments)
        self.cell, self.state_size = cell, cell.state_size

    def build(self, input_shape):
        self.cell.build(input_shape)

    def get_initial_state(self, batch_size=None):
        return self.cell.get_initial_state(batch_size)

    def call(self, inputs, states, training=None):
        y, states = self.cell(inputs, states, training=training)
        return y + inputs, states


class HyperCell(Cell):
    """A hyper-network: a small cell scales each row's products of the large one."""

    state_size = (UNITS, 3)

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.small = layers.GRUCell(3)
        self.scales = layers.Dense(2 * UNITS, bias_initializer="ones")

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, UNITS)
        self.small.build((None, input_shape[-1] + UNITS))
        self.scales.build((None, 3))

    def call(self, inputs, states):
        h, s = states
        s, _ = self.small(ops.concatenate([inputs, h], axis=-1), [s])
        of_x, of_h = ops.split(self.scales(s), 2, axis=-1)
        h = ops.tanh(of_x * (inputs @ self.kernel) + of_h * (h @ self.recurrent_kernel))
        return h, [h, s]


class SharingCell(Cell):
    """Two cells of Keras that are one: the second reads the weights of the first."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.shared = layers.Dense(UNITS)

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.shared.build((None, UNITS))

    def call(self, inputs, states):
        h = ops.tanh(inputs @ self.kernel + self.shared(states[0]))
        y = ops.sigmoid(self.shared(h)) @ ops.transpose(self.shared.kernel)
        return y, [h]


def _frozen_in_part():
    cell = SharingCell()
    cell.shared.trainable = False
    return cell


class SpectralCell(Cell):
    """Divides its matrix by a power iteration, whose vector is a variable that is written."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, UNITS)
        self.u = self.weight("u", 1, UNITS, trainable=False, initializer="ones")

    def call(self, inputs, states, training=None):
        v = tf.math.l2_normalize(self.u @ tf.transpose(self.recurrent_kernel))
        u = tf.math.l2_normalize(v @ self.recurrent_kernel)
        norm = v @ self.recurrent_kernel @ tf.transpose(u)
        if training:
            self.u.assign(tf.stop_gradient(u))
        h = tf.tanh(inputs @ self.kernel + states[0] @ (self.recurrent_kernel / norm))
        return h, [h]


class ExpertsCell(JoinedCell):
    """A soft mixture of three transitions."""

    def build(self, input_shape):
        super().build(input_shape)
        self.experts = self.weight("experts", 3, UNITS, UNITS)
        self.router = layers.Dense(3, activation="softmax")
        self.router.build((None, input_shape[-1]))

    def call(self, inputs, states):
        (a,) = self.blocks_of(inputs, states[0])
        each = ops.einsum("bu,euv->bev", ops.tanh(a), self.experts)
        h = ops.einsum("be,bev->bv", self.router(inputs), each)
        return h, [h]


class LearnedStartCell(JoinedCell):
    """Its first state is a weight."""

    def build(self, input_shape):
        super().build(input_shape)
        self.start = self.weight("start", 1, UNITS, initializer="uniform")

    def get_initial_state(self, batch_size=None):
        return [ops.tile(ops.tanh(self.start), (batch_size, 1))]

    def call(self, inputs, states):
        h = ops.tanh(self.blocks_of(inputs, states[0])[0])
        return h, [h]


def _stack():
    return layers.StackedRNNCells([ManyLayersCell(), layers.LSTMCell(5), JoinedTanhCell()])


class JoinedTanhCell(JoinedCell):
    """The plainest cell."""

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = np.float32(0.9)

    def call(self, inputs, states):
        h = self.scale * ops.tanh(self.blocks_of(inputs, states[0])[0])
        return h, [h]


class DenseCell(Cell):
    """h' = tanh(Dense(x) + Dense(h)); `__init__` makes the layers, the first call builds them."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units
        self.of_input = keras.layers.Dense(units)
        self.of_state = keras.layers.Dense(units, use_bias=False)

    def call(self, inputs, states):
        h = ops.tanh(self.of_input(inputs) + self.of_state(states[0]))
        return h, [h]


class GatedDenseCell(Cell):
    """A gate and a candidate, both `Dense` layers that `build` makes and does not build."""

    def build(self, input_shape):
        self.gate = keras.layers.Dense(UNITS, activation="sigmoid")
        self.candidate = keras.layers.Dense(UNITS, activation="tanh", kernel_regularizer="l2")
        super().build(input_shape)

    def call(self, inputs, states, training=None):
        joined = ops.concatenate([inputs, states[0]], axis=-1)
        z = self.gate(joined)
        h = z * states[0] + (1 - z) * self.candidate(joined)
        return h, [h]


CASES = {
    "several layers": Case(ManyLayersCell),
    "sequential model": Case(SequentialCell),
    "functional model": Case(FunctionalCell),
    "batch normalization": Case(BatchNormCell),
    "embedding": Case(EmbeddingCell, features=(1,), inputs=_ids),
    "residual wrapper": Case(lambda: ResidualWrapper(layers.LSTMCell(FEATURES))),
    "hyper-network": Case(HyperCell),
    "shared weights": Case(SharingCell),
    "frozen in part": Case(_frozen_in_part),
    "spectral norm": Case(SpectralCell),
    "mixture of experts": Case(ExpertsCell),
    "learned first state": Case(LearnedStartCell, built="build"),
    "stack of several": Case(_stack),
    "dense layers of init": Case(lambda: DenseCell(UNITS)),
    "dense layers of build": Case(GatedDenseCell),
}
