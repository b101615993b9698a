"""The most probable symbols of a distribution, and their probabilities."""

import tensorflow as tf

from tfseq.generation.whole_registers import in_whole_registers


def best_symbols(
    logits: tf.Tensor, count: int, all_logits: tf.Tensor | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """The `count` most probable symbols, the best first.

    The logits are ranked, not the probabilities: different logits may round to one probability,
    and an exponential may round differently from place to place. Equal logits have equal
    probabilities, and the lower id comes first.

    Where `logits`, float [..., V], forbid some by minus infinity, `all_logits` are those of the
    symbols whose probabilities add up to 1. Returns natural log probabilities, float64
    [..., count], falling, and ids, int32.

    >>> log_probabilities, ids = best_symbols(tf.math.log([0.25, 0.5, 0.25]), 2)
    >>> tf.exp(log_probabilities).numpy().round(6), ids.numpy()
    (array([0.5 , 0.25]), array([1, 0], dtype=int32))
    """
    best, ids = tf.math.top_k(logits, count)
    all_logits = tf.cast(logits if all_logits is None else all_logits, tf.float64)
    normalizer = tf.reduce_logsumexp(all_logits, axis=-1, keepdims=True)
    return tf.cast(best, tf.float64) - normalizer, ids


def best_probabilities(logits: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The same with probabilities, float32, in place of their logarithms."""
    log_probabilities, ids = best_symbols(logits, count)
    return tf.cast(in_whole_registers(tf.exp, log_probabilities), tf.float32), ids
