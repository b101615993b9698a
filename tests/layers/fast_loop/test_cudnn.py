"""Cells as cuDNN runs them: the packed weights read back in NumPy, and runs on a GPU."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from loop_cells import results_and_gradients

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
from tfseq.layers import RNN
from tfseq.layers.tensorflow.cudnn import can_run, mode, pack_weights

FEATURES, UNITS = 3, 4
BLOCKS = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}

needs_gpu = pytest.mark.skipif(
    not tf.config.list_physical_devices("GPU"), reason="cuDNN runs on a GPU, and there is none"
)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def read_packed(weights, blocks):
    """W, R `[blocks, units, …]` and b_W, b_R `[blocks, units]`, as `cudnnGetRNNWeightParams` says.

    One matrix after the other for the inputs, then for the states, then the biases of both.
    """
    sizes = [
        (blocks, UNITS, FEATURES),
        (blocks, UNITS, UNITS),
        (blocks, UNITS),
        (blocks, UNITS),
    ]
    parts, start = [], 0
    for shape in sizes:
        count = int(np.prod(shape))
        parts.append(weights[start : start + count].reshape(shape))
        start += count
    assert start == len(weights)
    return parts


def step_of_cudnn(kind, weights, x, states):
    """One step by the equations of cuDNN's manual (`cudnnRNNMode_t`), in float64."""
    W, R, b_w, b_r = read_packed(weights.astype("float64"), BLOCKS[kind])
    h = states[0]
    from_x = [x @ W[k].T + b_w[k] for k in range(BLOCKS[kind])]
    from_h = [h @ R[k].T + b_r[k] for k in range(BLOCKS[kind])]
    if kind == "lstm":
        i, f, new, o = (a + b for a, b in zip(from_x, from_h, strict=True))
        c = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(new)
        return [sigmoid(o) * np.tanh(c), c]
    if kind == "gru":
        r, i = (sigmoid(from_x[k] + from_h[k]) for k in (0, 1))
        new = np.tanh(from_x[2] + r * from_h[2])
        return [(1 - i) * new + i * h]
    a = from_x[0] + from_h[0]
    return [np.tanh(a) if kind == "rnn_tanh" else np.maximum(a, 0)]


CELLS = {
    "rnn": lambda: SimpleRNNCell(UNITS, bias_initializer="normal"),
    "relu": lambda: SimpleRNNCell(UNITS, activation="relu", bias_initializer="normal"),
    "gru": lambda: GRUCell(UNITS, bias_initializer="normal"),
    "lstm": lambda: LSTMCell(UNITS, bias_initializer="normal"),
    "keras rnn": lambda: keras.layers.SimpleRNNCell(UNITS, bias_initializer="normal"),
    "keras gru": lambda: keras.layers.GRUCell(UNITS, bias_initializer="normal"),
    "keras lstm": lambda: keras.layers.LSTMCell(UNITS, bias_initializer="normal"),
}


@pytest.mark.parametrize("name", CELLS)
def test_packed_weights_mean_to_cudnn_what_they_mean_to_the_cell(name):
    keras.utils.set_random_seed(1)
    cell = CELLS[name]()
    cell.build((None, FEATURES))
    generator = np.random.default_rng(1)
    x = generator.normal(size=(2, FEATURES))
    states = [generator.normal(size=(2, UNITS)) for _ in range(2 if "lstm" in name else 1)]
    assert can_run(cell, tf.float32)
    found = step_of_cudnn(mode(cell), pack_weights(cell).numpy(), x, states)
    _, expected = cell(tf.constant(x, "float32"), [tf.constant(s, "float32") for s in states])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


class _Changed(LSTMCell):
    def call(self, inputs, states, training=None):
        h, states = super().call(inputs, states)
        return 2 * h, states


@pytest.mark.parametrize(
    "cell",
    [
        GRUCell(UNITS, reset_after=False),
        GRUCell(UNITS, activation="relu"),
        LSTMCell(UNITS, recurrent_activation="hard_sigmoid"),
        LSTMCell(UNITS, use_bias=False),
        LSTMCell(UNITS, dtype="mixed_float16"),
        SimpleRNNCell(UNITS, activation="sigmoid"),
        keras.layers.LSTMCell(UNITS, dropout=0.1),
        keras.layers.GRUCell(UNITS, recurrent_dropout=0.1),
        _Changed(UNITS),
    ],
    ids=lambda cell: f"{type(cell).__name__}",
)
def test_other_cells_are_not_for_cudnn(cell):
    assert not can_run(cell, tf.as_dtype(cell.compute_dtype))


@needs_gpu
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_runs_in_cudnn_and_agrees_with_the_loop_of_keras(name, masked):
    cell = CELLS[name]()
    generator = np.random.default_rng(2)
    x = tf.constant(generator.normal(size=(3, 5, FEATURES)), tf.float32)
    mask = tf.sequence_mask([5, 2, 3], 5) if masked else None
    fast = RNN(cell, return_sequences=True, return_state=True)
    plain = keras.layers.RNN(cell, return_sequences=True, return_state=True)
    fast(x)
    plain(x)
    found = results_and_gradients(fast, x, mask)
    assert fast.last_loop == "cudnn"
    for a, b in zip(found, results_and_gradients(plain, x, mask), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@needs_gpu
def test_a_cell_of_ones_own_is_compiled_on_a_gpu():
    x = tf.ones([3, 5, FEATURES])
    layer = RNN(_Changed(UNITS))
    layer(x)
    tf.function(layer, autograph=False)(x)
    assert layer.last_loop == "compiled"
