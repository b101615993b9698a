"""Dropout masks as a function of a seed, a call and a place."""

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import tensorflow as tf

_GOLDEN_RATIO = 0x9E3779B9  # 2³² / φ: sets the words of a seed apart.
_first_row: ContextVar[Any] = ContextVar("first_row", default=None)


@contextlib.contextmanager
def rows_from(first_row) -> Iterator[None]:
    """While it is open, masks are those of the rows of a batch from `first_row` on.

    So the rows of a batch have the same masks, however they are divided among processes. Masks that
    have no row for each row of the batch are those that they are without this.

    Args:
        first_row: an integer, or an int32 scalar.

    >>> seed = tf.constant([1, 0], tf.int64)
    >>> whole = kept_places([4, 3], 0.5, seed, of_rows=True)
    >>> with rows_from(2):
    ...     bool(tf.reduce_all(kept_places([2, 3], 0.5, seed, of_rows=True) == whole[2:]))
    True
    """
    token = _first_row.set(first_row)
    try:
        yield
    finally:
        _first_row.reset(token)


def drop(inputs, rate: float, seed, noise_shape=None, of_rows=False):
    """`inputs` / (1 − rate) where they are kept, else zeros.

    Args:
        inputs: floats of any shape.
        rate: in (0, 1).
        seed: int64 `[2]`, as `keras.random.SeedGenerator` gives it: a number, and how often it was
            used before.
        noise_shape: the shape of the mask, one size for each axis of `inputs`: None for the size
            that they have, 1 where all share one mask. By default that of `inputs`.
        of_rows: whether the first axis of `inputs` is that of a batch.
    """
    of_rows = of_rows and (noise_shape is None or noise_shape[0] is None)
    kept = kept_places(_shape_of_mask(inputs, noise_shape), rate, seed, of_rows)
    scaled = inputs * tf.cast(1 / (1 - rate), inputs.dtype)
    return tf.where(kept, scaled, tf.zeros([], inputs.dtype))


def kept_places(shape, rate: float, seed, of_rows=False):
    """The mask: bool `shape`, False for a share `rate`; sizes are integers or int32 tensors.

    With `of_rows`, the first axis is that of a batch; see `rows_from`.

    >>> kept = kept_places([1000, 100], 0.25, tf.constant([1, 0], tf.int64))
    >>> round(float(tf.reduce_mean(tf.cast(kept, tf.float32))), 2)
    0.75
    """
    first = _first_row.get() if of_rows else None
    begin = None if first is None else first * math.prod(shape[1:])
    return hashed_bits(shape, seed, begin) >= _word(min(round(rate * 2**32), 2**32 - 1))


def hashed_bits(shape, seed, begin=None):
    """32 random bits for each place: uint32 `shape`, a function of `seed`, int64 `[2]`.

    Places are numbered from `begin` on; by default from 0.
    """
    key = tf.zeros([], tf.uint32)
    for word in tf.unstack(tf.reshape(tf.bitcast(seed, tf.uint32), [4])):
        key = _hash(key + word + _word(_GOLDEN_RATIO))
    places = tf.range(math.prod(shape))
    if begin is not None:
        places += begin
    places = tf.bitcast(tf.reshape(places, shape), tf.uint32)
    return _hash(tf.bitwise.bitwise_xor(places, key), _hash(key + _word(_GOLDEN_RATIO)))


def _shape_of_mask(inputs, noise_shape):
    sizes = inputs.shape.as_list()
    if noise_shape is not None:
        sizes = [n if m is None else m for n, m in zip(sizes, noise_shape, strict=True)]
    if None in sizes:
        known = tf.shape(inputs)
        sizes = [known[i] if n is None else n for i, n in enumerate(sizes)]
    return sizes


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
