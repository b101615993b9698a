"""One step of a language model for use in a loop: its weights are read and put together once."""

from collections.abc import Callable

import tensorflow as tf
from keras import ops

from tfseq.layers.connections import keep
from tfseq.models import LanguageModel

# Up to so many symbols, what the first layer makes of an embedded symbol is looked up in a table
# formed before the loop.
_MOST_EMBEDDED_ROWS = 1024


def token_step(model: LanguageModel) -> tuple[Callable, Callable]:
    """The two halves of `model.step`, for many steps.

    They compute what `model.step` does; sums may round differently. Create them outside of the
    loop that uses them, in the same graph. What the first layer makes of a symbol is a row of a
    table, the input kernel or embedding · kernel, bias included; every weight is read and cast
    once. Cells with a `call` of their own take their step as it is.

    Returns `advance(ids [B], states) -> (hidden [B, D], states)` and
    `logits(hidden) -> float32 [B, V]`.
    """
    weights = model.output_weights()

    def logits(hidden):
        return tf.cast(model.logits(hidden, weights), tf.float32)

    rnns = model.stack.rnns
    if any(getattr(rnn.cell, "has_own_call", True) for rnn in rnns):
        return model.step_hidden, logits
    connections = model.stack.connections
    projections = [_projection(rnn.cell) for rnn in rnns[1:]]
    # Whatever else reads the embedded symbol needs it as a vector.
    cell = rnns[0].cell
    first = _lookup(model, cell) if connections.plain else _projection(cell)
    steps = list(map(_cell_step, rnns, [first, *projections]))

    def advance(ids, states):
        flow, after = connections.enter(ids if connections.plain else model.step_inputs(ids)), []
        for layer, (step, before) in enumerate(zip(steps, states, strict=True)):
            outputs, state = step(connections.read(layer, flow, keep), before)
            after.append(state)
            flow = connections.join(layer, flow, outputs, keep)
        return connections.leave(flow), after

    return advance, logits


def _lookup(model: LanguageModel, cell) -> Callable:
    """ids [B] -> X_t W_x + b."""
    project, rows = _projection(cell), tf.range(model.vocabulary_size)
    if model.embedding is not None:
        rows = ops.cast(model.embedding.embeddings, cell.compute_dtype)
        if model.vocabulary_size > _MOST_EMBEDDED_ROWS:
            return lambda ids: project(tf.gather(rows, ids))
    table = project(rows)
    return lambda ids: tf.gather(table, ids)


def _projection(cell) -> Callable:
    """X_t [B, features] -> X_t W_x + b."""
    weights = _read(cell, cell.input_weights())
    return lambda inputs: cell.project(inputs, *weights)


def _cell_step(rnn, project: Callable) -> Callable:
    """(inputs, states) -> (H_t, states)."""
    weights, noise = _read(rnn.cell, rnn.cell.recurrent_weights()), rnn.noise(training=False)

    def step(inputs, before):
        before = [before] if rnn.single_state else before
        new = noise.zoned(before, rnn.cell.recur(project(inputs), before, *weights))
        return new[0], new[0] if rnn.single_state else new

    return step


def _read(cell, weights) -> list:
    """Weights, some of them None, in the dtype that the cell computes in."""
    return [None if w is None else ops.cast(w, cell.compute_dtype) for w in weights]
