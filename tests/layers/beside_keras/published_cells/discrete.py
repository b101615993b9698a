"""Cells that choose, sort, count, round, and cut gradients."""

import tensorflow as tf
from keras import ops

from published_cells.case import FEATURES, UNITS, Case
from published_cells.cell import Cell, JoinedCell


class LargestCell(JoinedCell):
    """k winners take all, by `top_k` and `scatter_nd`."""

    def call(self, inputs, states):
        (a,) = self.blocks_of(inputs, states[0])
        values, places = tf.math.top_k(tf.abs(a), 2)
        rows = tf.tile(tf.range(tf.shape(a)[0])[:, None], [1, 2])
        kept = tf.scatter_nd(tf.stack([rows, places], -1), values, tf.shape(a))
        h = tf.tanh(kept) * tf.sign(a)
        h = tf.ensure_shape(h, a.shape)
        return h, [h]


class SortedCell(JoinedCell):
    """Sorted units, their running sums, and ranks by `argsort`."""

    def call(self, inputs, states):
        (a,) = self.blocks_of(inputs, states[0])
        ranks = ops.cast(ops.argsort(ops.argsort(a, axis=-1), axis=-1), "float32")
        h = ops.tanh(ops.cumsum(ops.sort(a, axis=-1), axis=-1) * 0.3 + 0.1 * ranks)
        return h, [h]


class OrderedNeuronsCell(JoinedCell):
    """ON-LSTM: master gates that are cumulative softmaxes."""

    blocks = 6
    state_size = (UNITS, UNITS)

    def call(self, inputs, states):
        h, c = states
        i, f, o, candidate, master_f, master_i = self.blocks_of(inputs, h)
        master_f = tf.cumsum(tf.nn.softmax(master_f), axis=-1)
        master_i = 1.0 - tf.cumsum(tf.nn.softmax(master_i), axis=-1, exclusive=True)
        both = master_f * master_i
        f = tf.sigmoid(f) * both + master_f - both
        i = tf.sigmoid(i) * both + master_i - both
        c = f * c + i * tf.tanh(candidate)
        h = tf.sigmoid(o) * tf.tanh(c)
        return h, [h, c]


class CodebookCell(Cell):
    """Vector quantisation: the nearest row of a codebook, with the gradient going past."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1] + UNITS, UNITS)
        self.codebook = self.weight("codebook", 5, UNITS, initializer="normal")

    def call(self, inputs, states):
        a = tf.tanh(tf.concat([inputs, states[0]], 1) @ self.kernel)
        distances = tf.reduce_sum((a[:, None] - self.codebook[None]) ** 2, -1)
        nearest = tf.gather(self.codebook, tf.argmin(distances, axis=1))
        h = a + 0.3 * nearest + tf.stop_gradient(0.7 * nearest - 0.7 * a)
        return h, [h]


class QuantisedCell(JoinedCell):
    """Rounds its state to eighths, with a straight-through gradient that is cut outside [-1, 1]."""

    def call(self, inputs, states):
        @tf.custom_gradient
        def rounded(a):
            value = tf.round(8.0 * tf.clip_by_value(a, -1.0, 1.0)) / 8.0
            return value, lambda d: d * tf.cast(tf.abs(a) <= 1.0, d.dtype)

        h = rounded(self.blocks_of(inputs, states[0])[0])
        return h, [h]


class FakeQuantisedCell(JoinedCell):
    """Quantises by the operation of TensorFlow that is made for it."""

    def call(self, inputs, states):
        a = tf.tanh(self.blocks_of(inputs, states[0])[0])
        h = tf.quantization.fake_quant_with_min_max_args(a, -1.0, 1.0, num_bits=4)
        return h, [h]


class SpikingCell(Cell):
    """Leaky integrate and fire: a spike, a reset, a surrogate gradient, a refractory count."""

    state_size = (UNITS, UNITS, UNITS)

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.recurrent_kernel = self.weight("recurrent_kernel", UNITS, UNITS)

    def call(self, inputs, states):
        @tf.custom_gradient
        def spike(v):
            return tf.cast(v > 0, v.dtype), lambda d: d / (1.0 + 10.0 * tf.abs(v)) ** 2

        z, v, rest = states
        v = 0.9 * v + inputs @ self.kernel + z @ self.recurrent_kernel - 0.5 * z
        z = spike(v - 0.5) * tf.cast(rest <= 0, v.dtype)
        rest = tf.maximum(rest - 1.0, 0.0) + 2.0 * tf.stop_gradient(z)
        return z, [z, v, rest]


class NaNGuardCell(JoinedCell):
    """Missing inputs are NaN; they are filled twice over, so that no gradient is NaN."""

    def build(self, input_shape):
        super().build(input_shape)
        self.filling = self.weight("filling", input_shape[-1])

    def call(self, inputs, states):
        missing = tf.math.is_nan(inputs)
        safe = tf.where(missing, tf.zeros_like(inputs), inputs)
        x = tf.where(missing, tf.broadcast_to(self.filling, tf.shape(inputs)), safe)
        x = tf.sign(x) * tf.sqrt(tf.where(x == 0.0, 1.0, tf.abs(x)))
        h = tf.tanh(self.blocks_of(x, states[0])[0])
        return h, [h]


def _with_gaps(random, shape):
    x = random.normal(size=shape).astype("float32")
    x[random.random(shape) < 0.2] = float("nan")
    return x


class ClippedCell(JoinedCell):
    """Rows are clipped by their norm, all of it by a global norm, and NaN never comes."""

    def call(self, inputs, states):
        a = tf.clip_by_norm(self.blocks_of(inputs, states[0])[0], 1.0, axes=[1])
        (h, x), _ = tf.clip_by_global_norm([a, inputs], 5.0)
        h = h + 0.1 * tf.reduce_sum(x, 1, keepdims=True)
        return h, [h]


class OneHotCell(Cell):
    """Ids in, a table of transitions for each: `one_hot`, `gather`, `batch_dims`."""

    def build(self, input_shape):
        self.tables = self.weight("tables", 7, UNITS, UNITS)
        self.bias = self.weight("bias", 7, UNITS, initializer="normal")

    def call(self, inputs, states):
        ids = tf.cast(inputs[:, 0], tf.int32)
        each = tf.gather(self.tables, ids)
        h = tf.tanh(tf.linalg.matvec(each, states[0]) + tf.one_hot(ids, 7) @ self.bias)
        chosen = tf.gather(h, ids % UNITS, axis=1, batch_dims=1)[:, None]
        return h * chosen, [h]


def _ids(random, shape):
    return random.integers(0, 7, shape).astype("float32")


class IntegerStateCell(JoinedCell):
    """An integer and a truth as states: how often a row has been large, and whether it ever was."""

    state_size = (UNITS, 1, 1)

    def get_initial_state(self, batch_size=None):
        return [
            ops.zeros((batch_size, UNITS)),
            ops.zeros((batch_size, 1), "int32"),
            ops.zeros((batch_size, 1), "bool"),
        ]

    def call(self, inputs, states):
        h, count, ever = states
        h = ops.tanh(self.blocks_of(inputs, h)[0])
        large = ops.mean(ops.cast(inputs, "float32"), axis=-1, keepdims=True) > 0.3
        ever = ops.logical_or(ops.cast(ever, "bool"), large)
        count = count + ops.cast(large, count.dtype)
        h = h * ops.where(ever, 0.5, 1.0) / (1.0 + ops.cast(count, "float32"))
        return h, [h, count, ops.cast(ever, states[2].dtype)]


class HistogramCell(Cell):
    """Counts in which bin each number of x_t falls: integers in between, bincounts as state."""

    state_size = (5,)
    output_size = 5

    def build(self, input_shape):
        self.scale = self.weight("scale", 5, initializer="ones")

    def call(self, inputs, states):
        bins = tf.cast(tf.clip_by_value(tf.floor(inputs + 2.5), 0.0, 4.0), tf.int32)
        counts = states[0] + tf.reduce_sum(tf.one_hot(bins, 5), axis=1)
        return tf.math.log1p(counts) * self.scale, [counts]


class RoundedCell(Cell):
    """Rounds what it multiplies to bfloat16, and goes on in float32."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1] + UNITS, UNITS)

    def call(self, inputs, states):
        joined = tf.concat([inputs, states[0]], axis=-1)
        rounded = [tf.cast(tf.cast(t, "bfloat16"), "float32") for t in (joined, self.kernel)]
        h = tf.tanh(tf.matmul(*rounded))
        h = tf.cast(tf.cast(3.0 * h, "bfloat16"), "float32") / 3.0
        return h, [h]


CASES = {
    "winners take all": Case(LargestCell),
    "sorted": Case(SortedCell),
    "ordered neurons": Case(OrderedNeuronsCell),
    "codebook": Case(CodebookCell),
    "straight through": Case(QuantisedCell),
    "fake quantisation": Case(FakeQuantisedCell),
    "spiking": Case(SpikingCell),
    "missing inputs": Case(NaNGuardCell, inputs=_with_gaps),
    "clipped by norm": Case(ClippedCell),
    "one-hot and gather": Case(OneHotCell, features=(1,), inputs=_ids),
    "integer and boolean states": Case(IntegerStateCell, noisy_states=False),
    "histogram": Case(HistogramCell, features=(FEATURES,)),
    "rounded to bfloat16": Case(RoundedCell, tolerance=1e-4),
}
