"""Cells with inputs, states and results of unusual shapes."""

import keras
import tensorflow as tf
from keras import ops

from published_cells.case import FEATURES, UNITS, Case
from published_cells.cell import Cell, JoinedCell


class ConvLSTMCell(Cell):
    """An LSTM of images, with a layer of Keras for the input and one for the state."""

    state_size = ((4, 4, 2), (4, 4, 2))

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.of_input = keras.layers.Conv2D(8, 3, padding="same")
        self.of_state = keras.layers.Conv2D(8, 3, padding="same", use_bias=False)

    def build(self, input_shape):
        self.of_input.build(input_shape)
        self.of_state.build((None, 4, 4, 2))

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, 4, 4, 2)), ops.zeros((batch_size, 4, 4, 2))]

    def call(self, inputs, states, training=None):
        h, c = states
        a = self.of_input(inputs) + self.of_state(h)
        i, f, candidate, o = ops.split(a, 4, axis=-1)
        c = ops.hard_sigmoid(f) * c + ops.hard_sigmoid(i) * ops.tanh(candidate)
        h = ops.hard_sigmoid(o) * ops.tanh(c)
        return h, [h, c]


class GraphCell(Cell):
    """A recurrent network on the nodes of a graph: x_t is `[batch, nodes, features]`."""

    state_size = ((5, UNITS),)

    def build(self, input_shape):
        self.adjacency = self.weight("adjacency", 5, 5)
        self.kernel = self.weight("kernel", input_shape[-1] + UNITS, 2 * UNITS)

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, 5, UNITS))]

    def call(self, inputs, states):
        joined = tf.concat([inputs, states[0]], -1)
        joined = tf.einsum("nm,bmf->bnf", tf.nn.softmax(self.adjacency), joined)
        z, candidate = tf.split(tf.tensordot(joined, self.kernel, 1), 2, -1)
        h = tf.sigmoid(z) * states[0] + (1 - tf.sigmoid(z)) * tf.tanh(candidate)
        return h, [h]


class DictStateCell(JoinedCell):
    """Its states are a dictionary."""

    blocks = 2
    state_size = ({"fast": UNITS, "slow": UNITS},)
    output_size = UNITS

    def get_initial_state(self, batch_size=None):
        return [{name: ops.zeros((batch_size, UNITS)) for name in ("slow", "fast")}]

    def call(self, inputs, states):
        slow, fast = states[0]["slow"], states[0]["fast"]
        z, candidate = self.blocks_of(inputs, fast + slow)
        fast = ops.tanh(candidate)
        slow = slow + ops.sigmoid(z) * (fast - slow)
        return fast + slow, [{"slow": slow, "fast": fast}]


class WideOutputCell(JoinedCell):
    """Puts out a matrix for each step, of other sizes than the state."""

    output_size = 6

    def build(self, input_shape):
        super().build(input_shape)
        self.out = self.weight("out", UNITS, 6)

    def call(self, inputs, states):
        h = ops.tanh(self.blocks_of(inputs, states[0])[0])
        return ops.reshape(h @ self.out, (-1, 2, 3)), [h]


class ScalarOfEachRowCell(Cell):
    """A state of one number a row, without an axis of features."""

    state_size = (1,)
    output_size = FEATURES

    def build(self, input_shape):
        self.scale = self.weight("scale", input_shape[-1])

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size,))]

    def call(self, inputs, states):
        level = 0.8 * states[0] + 0.2 * tf.reduce_mean(inputs, axis=-1)
        return tf.tanh((inputs - level[:, None]) * self.scale), [level]


class OfBatchCell(JoinedCell):
    """Standardises over the batch, so that no row stands alone."""

    def call(self, inputs, states):
        (a,) = self.blocks_of(inputs, states[0])
        mean = ops.mean(a, axis=0, keepdims=True)
        h = ops.tanh((a - mean) / ops.sqrt(ops.var(a, axis=0, keepdims=True) + 0.5))
        return h, [h]


class StillCell(JoinedCell):
    """One state that is handed on as it came, one that nothing reads, one that is replaced."""

    state_size = (UNITS, 2, 3)

    def call(self, inputs, states):
        h, still, _ = states
        h = ops.tanh(self.blocks_of(inputs, h)[0] + ops.mean(still, axis=-1, keepdims=True))
        return h, [h, still, inputs]


class TiedStatesCell(JoinedCell):
    """One tensor is the output and both states."""

    state_size = (UNITS, UNITS)

    def call(self, inputs, states):
        h = ops.tanh(self.blocks_of(inputs, 0.5 * (states[0] + states[1]))[0])
        return h, [h, h]


class TransposingCell(Cell):
    """Computes with the batch as the last axis."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", UNITS, input_shape[-1])
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, UNITS)

    def call(self, inputs, states):
        a = tf.matmul(self.kernel, inputs, transpose_b=True)
        h = tf.tanh(a + tf.matmul(self.recurrent_kernel, tf.transpose(states[0])))
        h = tf.transpose(h)
        return h, [h]


class ComplexStateCell(Cell):
    """A complex state, which the layer is told of by its dtype's being left to the cell."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.angle = self.weight("angle", UNITS, initializer="uniform")

    def call(self, inputs, states):
        # Keras makes the states of float32: twice as many numbers, seen as complex ones.
        z = tf.bitcast(tf.reshape(states[0], [-1, UNITS // 2, 2]), tf.complex64)
        turn = tf.exp(tf.complex(0.0, self.angle[: UNITS // 2]))
        z = z * turn
        h = tf.reshape(tf.stack([tf.math.real(z), tf.math.imag(z)], -1), [-1, UNITS])
        h = h + tf.tanh(inputs @ self.kernel)
        return h, [h]


class ConvolutionCell(Cell):
    """h' = tanh(W * x + U * h): images that come and images that are remembered."""

    state_size = ((5, 5, 2),)

    def build(self, input_shape):
        self.kernel = self.weight("kernel", 3, 3, input_shape[-1], 2)
        self.recurrent_kernel = self.weight("recurrent_kernel", 3, 3, 2, 2)

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, 5, 5, 2))]

    def call(self, inputs, states):
        h = ops.conv(inputs, self.kernel, padding="same")
        h = ops.tanh(h + ops.conv(states[0], self.recurrent_kernel, padding="same"))
        return h, [h]


class CountingStateCell(Cell):
    """A state that has no batch axis: the number of the step, which scales the update."""

    state_size = (UNITS, 1)
    output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1] + UNITS, UNITS)

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, UNITS)), ops.zeros(())]

    def call(self, inputs, states):
        h, step = states
        update = ops.tanh(ops.concatenate([inputs, h], axis=-1) @ self.kernel)
        h = h + update / (step + 1.0)
        return h, [h, step + 1.0]


class SharedMemoryCell(Cell):
    """All rows read from and write to one memory, a matrix without a batch axis."""

    state_size = (UNITS, UNITS)
    output_size = UNITS

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1] + UNITS, UNITS)

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, UNITS)), ops.eye(UNITS)]

    def call(self, inputs, states):
        h, memory = states
        a = ops.tanh(ops.concatenate([inputs, h @ memory], axis=-1) @ self.kernel)
        memory = 0.9 * memory + 0.1 * ops.matmul(ops.transpose(a), a) / ops.cast(
            ops.shape(a)[0], "float32"
        )
        return a, [a, memory]


CASES = {
    "convolutional lstm": Case(ConvLSTMCell, features=(4, 4, 1), built="build"),
    "graph": Case(GraphCell, features=(5, FEATURES), built="build"),
    "dictionary of states": Case(DictStateCell),
    "matrix output": Case(WideOutputCell),
    "number of each row": Case(ScalarOfEachRowCell, masks=False),
    # Of a bias that the mean takes away again, the gradient is rounding.
    "standardised over the batch": Case(OfBatchCell, tolerance=1e-3),
    "still states": Case(StillCell),
    "one tensor for all": Case(TiedStatesCell),
    "batch last": Case(TransposingCell),
    "bitcast to complex": Case(ComplexStateCell, differentiable=False),
    "convolution": Case(ConvolutionCell, features=(5, 5, FEATURES), built="build"),
    "step counter as a state": Case(CountingStateCell, masks=False),
    "shared memory": Case(SharedMemoryCell, masks=False),
}
