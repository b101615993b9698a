"""Cells as cuDNN runs them, on an NVIDIA GPU."""

import tensorflow as tf
from keras import tree

from tfseq.cells.table import kind_of, runs_natively


def can_run(cell, dtype) -> bool:
    """Whether cuDNN computes what `cell` computes.

    It does for tfseq's and Keras' own cells (not for subclasses, which may differ) with biases,
    tanh (also relu for the simple cell), sigmoid gates, no dropout, and for a GRU
    `reset_after=True`.
    """
    if kind_of(cell) is None or not cell.use_bias or not runs_natively(cell):
        return False
    if getattr(cell, "dropout", 0) or getattr(cell, "recurrent_dropout", 0):
        return False
    return dtype in (tf.float32, tf.float16) and cell.variable_dtype == dtype.name


def mode(cell) -> str:
    """cuDNN's name of `cell`."""
    name = kind_of(cell).name
    return f"rnn_{cell.activation.__name__}" if name == "rnn" else name


def pack_weights(cell):
    """The weights of `cell` in the one vector that cuDNN reads.

    First the blocks of the input kernel, then those of the recurrent kernel, each transposed,
    `[units, features]` and `[units, units]`, row by row; then as many biases for the inputs, and
    as many for the states. The blocks stand in the order i, f, c, o for an LSTM (Keras' own) and
    r, z, h for a GRU (Keras has z, r, h). An LSTM and a simple cell have one bias: the second.
    (cuDNN API reference, `cudnnGetRNNWeightParams`.)

    Returns:
        A vector of (features + units + 2) · units · blocks numbers.
    """
    order = kind_of(cell).native_blocks
    kernel, recurrent_kernel, bias = map(
        tf.convert_to_tensor, (cell.kernel, cell.recurrent_kernel, cell.bias)
    )
    two = len(bias.shape) == 2
    first, second = (bias[0], bias[1]) if two else (tf.zeros_like(bias), bias)
    parts = []
    for matrix in (kernel, recurrent_kernel):
        columns = tf.split(matrix, len(order), axis=1)
        parts += [tf.reshape(tf.transpose(columns[i]), [-1]) for i in order]
    for vector in (first, second):
        columns = tf.split(vector, len(order))
        parts += [columns[i] for i in order]
    return tf.concat(parts, 0)


def run(layer, x, mask, states, otherwise):
    """What `keras.layers.RNN.inner_loop` returns, from cuDNN.

    The arguments are those of `inner_loop`, the mask being `[batch, time, 1]` or None.
    `otherwise(x, mask, states)` gives the same; it runs where the mask is not that of a
    right-padded batch, or a row has no step at all.
    """
    if mask is None:
        return _run(layer, x, None, states)
    steps = tf.reduce_sum(tf.cast(mask[:, :, 0], tf.int32), 1)
    padded = tf.sequence_mask(steps, tf.shape(x)[1])
    fits = tf.reduce_all(tf.equal(padded, mask[:, :, 0])) & tf.reduce_all(steps > 0)
    return tf.cond(
        fits & (not layer.go_backwards),
        lambda: _run(layer, x, steps, states),
        lambda: otherwise(x, mask, states),
    )


def _run(layer, x, steps, states):
    cell = layer.cell
    h, *c = [s[None] for s in tree.flatten(states)]
    x = tf.transpose(x, [1, 0, 2])
    if layer.go_backwards:
        x = tf.reverse(x, [0])
    batch_size, num_steps = tf.shape(x)[1], tf.shape(x)[0]
    outputs, h, c_final, _, _ = tf.raw_ops.CudnnRNNV3(
        input=x,
        input_h=h,
        input_c=c[0] if c else tf.constant(0, x.dtype),
        params=pack_weights(cell),
        sequence_lengths=tf.fill([batch_size], num_steps) if steps is None else steps,
        rnn_mode=mode(cell),
        is_training=True,
        time_major=True,
    )
    final = [h[0], c_final[0]] if c else [h[0]]
    outputs = tf.transpose(outputs, [1, 0, 2])
    if steps is not None and not layer.zero_output_for_mask:
        # cuDNN puts out zeros where there is no step; Keras repeats the last output.
        real = tf.sequence_mask(steps, num_steps)[:, :, None]
        outputs = tf.where(real, outputs, final[0][:, None])
    last = outputs[:, -1]
    return last, outputs if layer.return_sequences else last[:, None], final
