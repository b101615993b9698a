"""Random numbers for sampling that belong to one row alone."""

import tensorflow as tf

_BLOCK = 256


def uniform_draws(seeds: tf.Tensor, num_steps: tf.Tensor) -> tf.Tensor:
    """Uniform random numbers in [0, 1): row r's number at step t depends on (seeds[r], t) alone.

    They come in blocks of 256 from the Philox counter-based generator (Salmon et al., 2011), keyed
    by the row's seed and the block's index. Neither the other rows nor `num_steps` changes a
    number, so a row draws the same ones alone, in any batch, and in a longer run.

    Args:
        seeds: int64 [B].
        num_steps: int32 scalar, not negative.

    Returns:
        float64 [num_steps, B].

    Example:
        >>> import tensorflow as tf
        >>> few = uniform_draws(tf.constant([7, 8], tf.int64), 3)
        >>> many = uniform_draws(tf.constant([5, 7], tf.int64), 100)
        >>> bool(tf.reduce_all(few[:, 0] == many[:3, 1]))
        True
    """
    num_blocks = -(-num_steps // _BLOCK)
    blocks = tf.range(num_blocks, dtype=tf.int32)
    keys = tf.stack(tf.meshgrid(seeds, tf.cast(blocks, tf.int64), indexing="ij"), axis=-1)
    draws = tf.map_fn(
        lambda key: tf.random.stateless_uniform([_BLOCK], key, dtype=tf.float64, alg="philox"),
        tf.reshape(keys, [-1, 2]),
        fn_output_signature=tf.TensorSpec([_BLOCK], tf.float64),
    )
    draws = tf.reshape(draws, [tf.size(seeds), num_blocks * _BLOCK])
    return tf.transpose(draws[:, :num_steps])
