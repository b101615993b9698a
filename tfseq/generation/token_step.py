"""One step of a language model for use in a loop: its weights are read and put together once."""

from collections.abc import Callable

import tensorflow as tf
from keras import ops

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
from tfseq.models import LanguageModel

# Blocks of a cell's columns that one product makes: gates that pass through the sigmoid together.
_GROUPS = {SimpleRNNCell: [[0]], GRUCell: [[0, 1], [2]], LSTMCell: [[0, 1, 3], [2]]}
# Up to so many symbols, what the first layer makes of an embedded symbol is looked up in a table
# formed before the loop.
_MOST_EMBEDDED_ROWS = 1024


def token_step(model: LanguageModel) -> tuple[Callable, Callable]:
    """The two halves of `model.step`, for many steps.

    They compute what `model.step` does; sums may round differently. Create them outside of the
    loop that uses them, in the same graph. What the first layer makes of a symbol is a row of a
    table, the input kernel or embedding · kernel, bias included; every weight is read and cast
    once. Cells that are not tfseq's own take their step as it is.

    Args:
        model: the language model.

    Returns:
        `advance(ids [B], states) -> (hidden [B, D], states)` and
        `logits(hidden) -> float32 [B, V]`.
    """
    cells = [rnn.cell for rnn in model.stack.rnns]
    if isinstance(model.cell, str) and all(type(cell) in _GROUPS for cell in cells):
        first, *others = cells
        steps = [_cell_step(first, _lookup(model, first))]
        steps += [_cell_step(cell, _product(cell)) for cell in others]

        def advance(ids, states):
            inputs, after = ids, []
            for step, before in zip(steps, states, strict=True):
                inputs, state = step(inputs, before)
                after.append(state)
            return inputs, after
    else:
        advance = model.step_hidden
    return advance, _output_layer(model)


def _output_layer(model: LanguageModel) -> Callable:
    if model.tie_embeddings:
        kernel = ops.transpose(model.embedding.embeddings)
    else:
        kernel = model.output_kernel
    kernel, bias = (ops.cast(w, model.compute_dtype) for w in (kernel, model.output_bias))

    def logits(hidden):
        return tf.cast(tf.matmul(tf.cast(hidden, kernel.dtype), kernel) + bias, tf.float32)

    return logits


def _lookup(model: LanguageModel, cell) -> Callable:
    """ids [B] -> X_t W_x + b of each group of gates."""
    kernels, biases = _groups(cell, cell.kernel), _input_biases(cell)
    if model.embedding is None:
        tables = [kernel + bias for kernel, bias in zip(kernels, biases, strict=True)]
        return lambda ids: [tf.gather(table, ids) for table in tables]
    embeddings = ops.cast(model.embedding.embeddings, cell.compute_dtype)
    project = _product(cell)
    if model.vocabulary_size > _MOST_EMBEDDED_ROWS:
        return lambda ids: project(tf.gather(embeddings, ids))
    tables = project(embeddings)
    return lambda ids: [tf.gather(table, ids) for table in tables]


def _product(cell) -> Callable:
    """X_t [B, features] -> X_t W_x + b of each group of gates."""
    kernels, biases = _groups(cell, cell.kernel), _input_biases(cell)

    def project(inputs):
        return [tf.matmul(inputs, w) + b for w, b in zip(kernels, biases, strict=True)]

    return project


def _cell_step(cell, project: Callable) -> Callable:
    """(inputs, states) -> (H_t, states): the cell's equation."""
    units, φ = cell.units, cell.activation
    kernels = _groups(cell, cell.recurrent_kernel)

    def simple_rnn(inputs, h):
        (x,) = project(inputs)
        h = φ(tf.matmul(h, kernels[0]) + x)
        return h, h

    def gru(inputs, h):
        x_zr, x_h = project(inputs)
        zr = cell.recurrent_activation(tf.matmul(h, kernels[0]) + x_zr)
        z, r = tf.split(zr, 2, axis=-1)
        if cell.reset_after:
            candidate = φ(r * (tf.matmul(h, kernels[1]) + bias) + x_h)
        else:
            candidate = φ(tf.matmul(r * h, kernels[1]) + x_h)
        h = candidate + z * (h - candidate)
        return h, h

    def lstm(inputs, states):
        h, c = states
        x_ifo, x_c = project(inputs)
        ifo = cell.recurrent_activation(tf.matmul(h, kernels[0]) + x_ifo)
        i, f, o = tf.split(ifo, 3, axis=-1)
        c = f * c + i * φ(tf.matmul(h, kernels[1]) + x_c)
        h = o * φ(c)
        return h, [h, c]

    if type(cell) is GRUCell and cell.reset_after:
        bias = ops.cast(cell.bias, cell.compute_dtype)[1, 2 * units :] if cell.use_bias else 0.0
    return {SimpleRNNCell: simple_rnn, GRUCell: gru, LSTMCell: lstm}[type(cell)]


def _groups(cell, weight) -> list[tf.Tensor]:
    """A weight's columns, by group of gates, in the cell's dtype."""
    gates = tf.split(ops.cast(weight, cell.compute_dtype), cell.num_gates, axis=-1)
    return [tf.concat([gates[i] for i in group], axis=-1) for group in _GROUPS[type(cell)]]


def _input_biases(cell) -> list[tf.Tensor | float]:
    """What is added to X_t W_x, by group; of a GRU's second bias the part of its gates too."""
    if not cell.use_bias:
        return [0.0] * len(_GROUPS[type(cell)])
    if type(cell) is GRUCell and cell.reset_after:
        (b_zr, b_h), (c_zr, _) = (_groups(cell, cell.bias[i]) for i in range(2))
        return [b_zr + c_zr, b_h]
    return _groups(cell, cell.bias)
