"""Requests brought into bounds in graph: clamped or cut, never refused, with a warning."""

from collections.abc import Sequence

import tensorflow as tf


def sentence(*parts: str | tf.Tensor) -> tf.Tensor:
    """Texts and numbers, scalars or [B], as one sentence for each row, string [B]."""
    texts = [part if isinstance(part, str) else _as_text(part) for part in parts]
    return tf.strings.join([*texts, " "])


def sentences(warnings: Sequence[tf.Tensor]) -> tf.Tensor:
    """The warnings of each row in one string, string [B]."""
    return tf.strings.strip(tf.strings.join(warnings))


def clamp(
    values: tf.Tensor, name: str, low: float, high: float | tf.Tensor, not_a_number: float = 0.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """Bring an input's numbers, int32 or float32 [B], into [low, high].

    Returns the values within bounds, and string [B]: a sentence where a value was changed, else "".

    >>> values, warnings = clamp(tf.constant([0.5, -3.0]), "top_p", 0, 1)
    >>> values.numpy().tolist(), warnings[1].numpy().decode()
    ([0.5, 0.0], '`top_p` must be from 0 to 1. Received: -3; used: 0. ')
    """
    used = tf.clip_by_value(values, tf.cast(low, values.dtype), tf.cast(high, values.dtype))
    if values.dtype.is_floating:
        used = tf.where(tf.math.is_nan(values), tf.cast(not_a_number, values.dtype), used)
    bounds = f"`{name}` must be from {low} to ", high if tf.is_tensor(high) else str(high)
    warning = sentence(*bounds, ". Received: ", values, "; used: ", used, ".")
    return used, tf.where(used == values, "", warning)


def keep_first_bytes(strings: tf.Tensor, limit: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Cut UTF-8 strings [B] after at most `limit` bytes, at least 4, between two characters.

    Invalid bytes are kept as they are. Returns what is kept, and bool [B]: whether something was
    cut off.

    >>> kept, cut = keep_first_bytes(tf.constant(["想要有", "abc"]), 5)
    >>> [text.decode() for text in kept.numpy()], cut.numpy().tolist()
    (['想', 'abc'], [True, False])
    """
    lengths = tf.strings.length(strings)
    cut = lengths > limit
    # Of the bytes limit−3 … limit, the last one that begins a character is the first left out.
    window = _four_bytes(strings, tf.where(cut, limit - 3, 0))
    back = tf.reduce_sum(_leading_true(tf.reverse(_continues(window), [1])), axis=1)
    end = tf.where(cut, limit - tf.where(back > 3, 0, back), lengths)
    return tf.strings.substr(strings, tf.zeros_like(end), end), cut


def keep_last_bytes(strings: tf.Tensor, limit: int) -> tuple[tf.Tensor, tf.Tensor]:
    """As `keep_first_bytes`, for the last `limit` bytes.

    >>> keep_last_bytes(tf.constant(["想要有"]), 5)[0].numpy()[0].decode()
    '有'
    """
    lengths = tf.strings.length(strings)
    cut = lengths > limit
    start = tf.where(cut, lengths - limit, 0)
    forward = tf.reduce_sum(_leading_true(_continues(_four_bytes(strings, start))), axis=1)
    start += tf.where(cut & (forward <= 3), forward, 0)
    return tf.strings.substr(strings, start, lengths - start), cut


def _four_bytes(strings: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Bytes start … start+3 of each string, int32 [B, 4]; 0 past the end."""
    window = tf.strings.substr(strings, start, tf.fill(tf.shape(start), 4))
    return tf.cast(tf.io.decode_raw(window, tf.uint8, fixed_length=4), tf.int32)


def _continues(data: tf.Tensor) -> tf.Tensor:
    """Whether a byte is a character's second, third or fourth: 10xxxxxx."""
    return (data >= 0x80) & (data < 0xC0)


def _leading_true(flags: tf.Tensor) -> tf.Tensor:
    """1 for each flag of the unbroken run of True that begins a row, else 0."""
    return tf.math.cumprod(tf.cast(flags, tf.int32), axis=1)


def _as_text(numbers: tf.Tensor) -> tf.Tensor:
    return tf.strings.as_string(numbers, shortest=numbers.dtype.is_floating)
