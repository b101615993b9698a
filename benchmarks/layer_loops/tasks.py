"""What `rnn_layers.py` runs: layers, language models and products, as functions to be timed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import tensorflow as tf
from keras import ops

import tfseq
from tfseq import cells

CELLS = {
    "rnn": (cells.SimpleRNNCell, keras.layers.SimpleRNNCell, keras.layers.SimpleRNN),
    "gru": (cells.GRUCell, keras.layers.GRUCell, keras.layers.GRU),
    "lstm": (cells.LSTMCell, keras.layers.LSTMCell, keras.layers.LSTM),
}


def own_cell(cell_type):
    """A user's subclass: its output never takes more than four fifths of the new one."""

    class LeakyCell(cell_type):
        def call(self, inputs, states, training=None):
            new, states_after = super().call(inputs, states, training=training)
            h = 0.2 * ops.cast(states[0], new.dtype) + 0.8 * new
            return h, [h, *states_after[1:]]

    return LeakyCell


@dataclass
class Size:
    """Batch × steps × units."""

    batch: int
    steps: int
    units: int

    @classmethod
    def parse(cls, text: str):
        return cls(*map(int, text.split("x")))

    def __str__(self):
        return f"{self.batch}×{self.steps}×{self.units}"


def layer_tasks(layer, size: Size, xla: bool = False) -> dict[str, Callable]:
    """Training and a forward pass of `layer`."""
    shape = [size.batch, size.steps, size.units]
    x = tf.random.normal(shape, dtype=layer.compute_dtype)
    cotangent = tf.random.normal(shape, dtype=layer.compute_dtype)
    layer.build(shape)

    def loss(x):
        return tf.reduce_sum(tf.cast(layer(x, training=True) * cotangent, tf.float32))

    train = training_step(layer.trainable_variables, loss, x, xla)
    forward = tf.function(lambda: layer(x, training=False), jit_compile=xla, autograph=False)
    return {"training": train, "forward": forward}


def training_step(variables, loss, x, xla: bool) -> Callable:
    """Forward, backward, clip, update. `x` gets a gradient where it is of floats."""

    @tf.function(jit_compile=xla, autograph=False)
    def train():
        weights = [v.value for v in variables]
        with tf.GradientTape() as tape:
            if x.dtype.is_floating:
                tape.watch(x)
            value = loss(x)
        sources = [x, *weights] if x.dtype.is_floating else weights
        gradients = tape.gradient(value, sources)
        clipped, _ = tf.clip_by_global_norm(gradients[-len(weights) :], 1.0)
        for variable, gradient in zip(variables, clipped, strict=True):
            variable.assign(variable - 1e-3 * tf.convert_to_tensor(gradient))
        return value, gradients[0]

    return train


def layers_of_keras(cell: str, size: Size) -> dict[str, dict]:
    """What Keras itself has, as it is and compiled as a whole."""
    _, cell_type, layer_type = CELLS[cell]
    makers = {
        f"keras {layer_type.__name__}": lambda: layer_type(size.units, return_sequences=True),
        "keras RNN(cell)": lambda: keras.layers.RNN(cell_type(size.units), return_sequences=True),
    }
    ways = {}
    for name, make in makers.items():
        ways[name] = layer_tasks(make(), size)
        ways[f"{name}, XLA"] = layer_tasks(make(), size, xla=True)
    return ways


def ours(cell, size: Size, dtype: str = "float32"):
    """`tfseq.RNN` of a cell, named or a class."""
    cell_type = CELLS[cell][0] if isinstance(cell, str) else cell
    return tfseq.RNN(cell_type(size.units, dtype=dtype), return_sequences=True, dtype=dtype)


def products_alone(cell: str, size: Size, xla: bool) -> Callable:
    """The matrix products of a training step: those of the two loops, and the four over all."""
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[cell]
    batch, steps, units = size.batch, size.steps, size.units
    rows = tf.random.normal([steps * batch, units])
    kernel = tf.random.normal([units, gates * units]) / units
    wide = tf.random.normal([gates * units, units]) / units
    blocks = tf.random.normal([steps * batch, gates * units])

    def loop(h, first, back):
        # What is multiplied next is cut from, or filled with, what came out.
        def forward(t, h):
            return t + 1, (h @ first)[:, :units]

        def backward(t, z):
            return t + 1, tf.tile(z @ back, [1, gates])

        _, h = tf.while_loop(lambda t, _: t < steps, forward, (0, h))
        _, z = tf.while_loop(lambda t, _: t < steps, backward, (0, tf.tile(h, [1, gates])))
        return z

    @tf.function(jit_compile=xla, autograph=False)
    def products(rows, kernel, wide, blocks):
        z = loop(rows[:batch], kernel, wide)
        projected, d_rows = rows @ kernel, blocks @ wide
        d_kernels = [tf.matmul(a, blocks, transpose_a=True) for a in (rows, rows + 1.0)]
        return z, projected, d_rows, d_kernels

    return partial(products, rows, kernel, wide, blocks)


def language_model_tasks(cell: str, size: Size, vocabulary: int, embedding: bool) -> dict:
    """Training of ids → embedding or one-hot → layer → logits → loss: ours, and on keras.layers."""
    ids = tf.random.uniform([size.batch, size.steps + 1], 0, vocabulary, tf.int32)
    width = size.units if embedding else None
    model = tfseq.LanguageModel(vocabulary, cell=cell, units=size.units, embedding_size=width)
    tasks = {
        f"tfseq{', XLA' if xla else ''}": {"training": _language_model_step(model, ids, xla)}
        for xla in (False, True)
    }
    layer_type = CELLS[cell][2]
    for xla in (False, True):
        embed = (
            keras.layers.Embedding(vocabulary, size.units)
            if embedding
            else keras.layers.Lambda(
                partial(keras.ops.one_hot, num_classes=vocabulary),
                output_shape=lambda shape: (*shape, vocabulary),
            )
        )
        layers = [
            embed,
            layer_type(size.units, return_sequences=True),
            keras.layers.Dense(vocabulary),
        ]
        peer = keras.Sequential([keras.Input((size.steps,), size.batch, dtype="int32"), *layers])
        name = f"keras {layer_type.__name__}" + (", XLA" if xla else "")
        tasks[name] = {"training": _language_model_step(peer, ids, xla)}
    return tasks


def _language_model_step(model, ids, xla):
    def loss(ids):
        logits = model(ids[:, :-1], training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ids[:, 1:], logits=logits)
        return tf.reduce_mean(losses)

    return training_step(model.trainable_variables, loss, ids, xla)
