"""Random numbers for sampling that belong to one row alone."""

import tensorflow as tf

from tfseq.generation.whole_registers import in_whole_registers

_PHILOX = 1
# Numbers that one count of the Philox generator gives.
_NUMBERS_A_COUNT = 4


def gumbel_noise(
    seeds: tf.Tensor, first_step: tf.Tensor, num_steps: tf.Tensor, num_symbols: int
) -> tf.Tensor:
    """Standard Gumbel random numbers g = −log(−log u), one for each step and symbol of a row.

    Row r's numbers at step t depend on (seeds[r], t, num_symbols) alone: they are those of the
    Philox counter-based generator (Salmon et al., 2011) keyed by the seed, counted from a place
    that belongs to the step. Neither the other rows nor the number of steps drawn at once changes
    them. u is an odd multiple of 2^−24, so that g is finite, from −2.9 to 16.7.

    Args:
        seeds: int64 [B].
        first_step: int32 scalar, not negative.
        num_steps: int32 scalar, how many steps to draw for.
        num_symbols: V.

    Returns:
        float32 [B, num_steps, V].

    Example:
        >>> import tensorflow as tf
        >>> few = gumbel_noise(tf.constant([7, 8], tf.int64), 2, 1, 5)
        >>> many = gumbel_noise(tf.constant([5, 7], tf.int64), 0, 10, 5)
        >>> bool(tf.reduce_all(few[0, 0] == many[1, 2]))
        True
    """
    counts_a_step = -(-num_symbols // _NUMBERS_A_COUNT)
    columns = counts_a_step * _NUMBERS_A_COUNT
    shape = tf.stack([num_steps, columns])
    first_count = tf.cast(first_step, tf.uint64) * tf.constant(counts_a_step, tf.uint64)
    counter = tf.stack([first_count, tf.zeros_like(first_count)])
    # TensorFlow cannot stack none: where there is no row, one is made and left out.
    num_rows = tf.size(seeds)
    keys = tf.cast(tf.pad(seeds, [[0, tf.cast(num_rows == 0, tf.int32)]]), tf.uint64)
    uniforms = tf.map_fn(
        lambda key: tf.raw_ops.StatelessRandomUniformV2(
            shape=shape, key=key, counter=counter, alg=_PHILOX, dtype=tf.float32
        ),
        keys[:, tf.newaxis],
        fn_output_signature=tf.TensorSpec([None, columns], tf.float32),
    )
    return in_whole_registers(_gumbel, uniforms[:num_rows, :, :num_symbols] + 2.0**-24)


def _gumbel(u: tf.Tensor) -> tf.Tensor:
    # Products: Grappler would make one operation, ten times slower, of −log(−log u).
    return -1.0 * tf.math.log(-1.0 * tf.math.log(u))
