"""The exact loss of each token, in bounded memory."""

from collections.abc import Callable

import tensorflow as tf

# Of more symbols, about so many logits are in memory at once: 32 MB.
_MANY_SYMBOLS = 2**14
_CHUNK_LOGITS = 2**23


def token_losses(
    logits_of: Callable, hidden: tf.Tensor, targets: tf.Tensor, num_symbols: int
) -> tf.Tensor:
    """−log softmax(logits)_y, a chunk of tokens after another where there are many symbols.

    Args:
        logits_of: h `[…, D]` -> logits `[…, V]`.
        hidden: h, float `[…, D]`.
        targets: y, integers `[…]`.
        num_symbols: V.

    Returns:
        float32 `[…]`.

    >>> losses = token_losses(
    ...     lambda h: tf.concat([h, h], -1), tf.zeros([2, 3, 1]), tf.zeros([2, 3], tf.int32), 2)
    >>> losses.shape, round(float(tf.exp(losses[0, 0])), 6)
    (TensorShape([2, 3]), 2.0)
    """

    def losses_of(rows, labels):
        logits = tf.cast(logits_of(rows), tf.float32)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)

    if num_symbols <= _MANY_SYMBOLS:
        return losses_of(hidden, targets)
    rows, labels = tf.reshape(hidden, [-1, hidden.shape[-1]]), tf.reshape(targets, [-1])
    chunk = max(1, _CHUNK_LOGITS // num_symbols)
    size = tf.size(labels)
    count = -(-size // chunk)

    def body(i, losses):
        part = slice(i * chunk, (i + 1) * chunk)
        return i + 1, losses.write(i, losses_of(rows[part], labels[part]))

    losses = tf.TensorArray(tf.float32, count, element_shape=[None], infer_shape=False)
    _, losses = tf.while_loop(lambda i, _: i < count, body, (0, losses), parallel_iterations=1)
    return tf.reshape(losses.concat(), tf.shape(targets))
