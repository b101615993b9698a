"""Dropout masks as a function of a seed, a call and a place."""

import tensorflow as tf

_GOLDEN_RATIO = 0x9E3779B9  # 2³² / φ: sets the words of a seed apart.


def drop(inputs, rate: float, seed):
    """`inputs` / (1 − rate) where they are kept, else zeros.

    Args:
        inputs: floats of any shape.
        rate: in (0, 1).
        seed: int64 `[2]`, as `keras.random.SeedGenerator` gives it: a number, and how often it was
            used before.
    """
    key = tf.zeros([], tf.uint32)
    for word in tf.unstack(tf.reshape(tf.bitcast(seed, tf.uint32), [4])):
        key = _hash(key + word + _word(_GOLDEN_RATIO))
    size = inputs.shape.num_elements()
    places = tf.range(tf.size(inputs) if size is None else size)
    places = tf.reshape(places, tf.shape(inputs) if size is None else inputs.shape)
    places = tf.bitcast(places, tf.uint32)
    bits = _hash(tf.bitwise.bitwise_xor(places, key), _hash(key + _word(_GOLDEN_RATIO)))
    scaled = inputs * tf.cast(1 / (1 - rate), inputs.dtype)
    threshold = min(round(rate * 2**32), 2**32 - 1)
    return tf.where(bits >= _word(threshold), scaled, tf.zeros([], inputs.dtype))


def _hash(x, key=None):
    """32 bits, mixed in three rounds; `key` comes in after the first.

    Source: triple32 of Wellons, https://nullprogram.com/blog/2018/07/31/. With two rounds, bits
    that lie a power of two apart are correlated.
    """
    x = _xor_shifted(x, 17) * _word(0xED5AD4BB)
    x = _xor_shifted(x, 11) if key is None else _xor_shifted(x, 11) + key
    x = _xor_shifted(x * _word(0xAC4C1B51), 15)
    return _xor_shifted(x * _word(0x31848BAB), 14)


def _xor_shifted(x, bits):
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, _word(bits)))


def _word(number):
    return tf.constant(number, tf.uint32)
