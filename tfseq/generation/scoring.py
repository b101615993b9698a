"""The log probability of given tokens, in one graph and in bounded memory."""

import tensorflow as tf

from tfseq.models import LanguageModel

# Logits in memory at once, per row: [block, V] has at most this many entries (or one step's).
_BLOCK_LOGITS = 2**18
_BLOCK_STEPS = 128


def token_log_probabilities(model: LanguageModel, ids: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """log P(x_t | x_1, …, x_{t−1}) for every token but the first, natural logarithm.

    The time axis is read in blocks: the logits of a whole text, [B, T, V], are never in memory.

    Args:
        model: the language model; it starts from the zero state.
        ids: int32 [B, T], padded on the right.
        lengths: int32 [B], the real tokens of each row.

    Returns:
        float32 [B, max(T − 1, 0)]: entry t belongs to token t + 1 given tokens 0 to t, and is 0
        past the row's last token.
    """
    batch_size, length = tf.unstack(tf.shape(ids))
    num_steps = tf.maximum(length - 1, 0)
    block_steps = max(1, min(_BLOCK_STEPS, _BLOCK_LOGITS // model.vocabulary_size))
    initial = model.initial_states(batch_size)
    invariants = [tf.TensorShape([None, s.shape[-1]]) for s in tf.nest.flatten(initial)]
    num_blocks = -(-num_steps // block_steps)

    def block(index, states, blocks):
        start = index * block_steps
        inputs = ids[:, start : tf.minimum(start + block_steps, num_steps)]
        targets = ids[:, start + 1 : start + block_steps + 1]
        mask = start + tf.range(tf.shape(inputs)[1]) < (lengths - 1)[:, tf.newaxis]
        hidden, states = model.hidden(
            inputs, tf.nest.pack_sequence_as(initial, states), mask=mask, training=False
        )
        logits = tf.reshape(model.logits(hidden), [-1, model.vocabulary_size])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.reshape(targets, [-1]), tf.cast(logits, tf.float32)
        )
        losses = tf.where(mask, -tf.reshape(losses, tf.shape(targets)), 0.0)
        blocks = blocks.write(index, tf.transpose(losses))
        return index + 1, tf.nest.flatten(states), blocks

    blocks = tf.TensorArray(
        tf.float32, size=num_blocks, element_shape=[None, None], infer_shape=False
    )
    _, _, blocks = tf.while_loop(
        lambda index, *_: index < num_blocks,
        block,
        (0, tf.nest.flatten(initial), blocks),
        shape_invariants=(tf.TensorShape([]), invariants, tf.TensorShape(None)),
    )
    # An array without entries could not be concatenated.
    empty = tf.zeros(tf.stack([0, batch_size]))
    return tf.transpose(tf.cond(num_blocks > 0, blocks.concat, lambda: empty))
