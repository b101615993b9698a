"""A language model over given tokens: a block of time steps after another, in bounded memory."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfseq.generation.row_groups import any_rows, join_rows, longest, row_groups
from tfseq.models import LanguageModel

# Steps in memory at once, [B, 128, units] and the layers' temporaries; and logits of a row, of
# which there are at least one step's.
_BLOCK_STEPS = 128
_BLOCK_LOGITS = 2**18


def read_prompt(model: LanguageModel, ids: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, list]:
    """What the output layer reads after each prompt, float [B, D], and the states there.

    Prompts are ids int32 [B, T], padded on the right; each ends at its own length, int32 [B], and
    an empty one gives zeros.
    """

    @tf.function(autograph=False)
    def read(ids, lengths):
        def ends(start, outputs, mask, hidden):
            remaining = lengths - start
            last = tf.clip_by_value(remaining, 1, tf.shape(mask)[1]) - 1
            ends = tf.gather(outputs, last, batch_dims=1)
            return tf.where(remaining[:, tf.newaxis] > 0, ends, hidden)

        hidden = tf.zeros([tf.size(lengths), model.hidden_size], model.compute_dtype)
        return _read(model, ids[:, : longest(lengths)], lengths, _BLOCK_STEPS, ends, hidden)

    return join_rows([read(*group) for group in row_groups(ids, lengths)])


def token_log_probabilities(model: LanguageModel, ids: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """log P(x_t | x_1, …, x_{t−1}) for every token but the first, natural logarithm.

    The model starts from the zero state on ids int32 [B, T], padded on the right, of which each row
    has its own length, int32 [B]. The logits of a whole text, [B, T, V], are never in memory.

    Returns float32 [B, max(T − 1, 0)]: entry t is token t + 1's; 0 past a row's last token.
    """
    block_steps = max(1, min(_BLOCK_STEPS, _BLOCK_LOGITS // model.vocabulary_size))

    def score(start, hidden, mask, blocks):
        targets = ids[:, start + 1 : start + block_steps + 1]
        logits = tf.reshape(model.logits(hidden), [-1, model.vocabulary_size])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.reshape(targets, [-1]), tf.cast(logits, tf.float32)
        )
        losses = tf.where(mask, -tf.reshape(losses, tf.shape(targets)), 0.0)
        return blocks.write(start // block_steps, tf.transpose(losses))

    inputs = ids[:, :-1]
    num_blocks = -(-tf.shape(inputs)[1] // block_steps)
    blocks = tf.TensorArray(
        tf.float32, size=num_blocks, element_shape=[None, None], infer_shape=False
    )
    blocks, _ = _read(model, inputs, lengths - 1, block_steps, score, blocks)
    # An array without entries could not be concatenated.
    empty = tf.zeros(tf.stack([0, tf.size(lengths)]))
    return tf.transpose(tf.cond(num_blocks > 0, blocks.concat, lambda: empty))


def _read(model, ids, lengths, block_steps: int, use: Callable, value: Any) -> tuple[Any, list]:
    """What `use` makes of the model's outputs for ids [B, T], and the states after each row.

    `use(start, outputs [B, block, D], mask [B, block], value) -> value` is given a block that
    begins with step `start`, and what it made of the blocks before.
    """
    initial = model.initial_states(tf.size(lengths))
    num_steps = tf.shape(ids)[1]

    def block(start, states, value):
        inside = ids[:, start : start + block_steps]
        mask = start + tf.range(tf.shape(inside)[1]) < lengths[:, tf.newaxis]
        outputs, states = model.hidden(
            inside, tf.nest.pack_sequence_as(initial, states), mask=mask, training=False
        )
        return start + block_steps, tf.nest.flatten(states), use(start, outputs, mask, value)

    states = tf.nest.flatten(initial)
    value_shape = tf.TensorShape(None) if isinstance(value, tf.TensorArray) else any_rows(value)
    _, states, value = tf.while_loop(
        lambda start, *_: start < num_steps,
        block,
        (0, states, value),
        shape_invariants=(tf.TensorShape([]), any_rows(states), value_shape),
    )
    return value, tf.nest.pack_sequence_as(initial, states)
