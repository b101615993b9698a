"""Strings that end a text where they begin, whatever tokens they are made of."""

from collections.abc import Callable

import tensorflow as tf

# What stands before a stop string may move its spaces, where tokens are words: `5 . 2`.
_TOKENS_BEFORE = 4
# A pattern that matches nothing.
_NEVER = r"[^\x00-\x{10FFFF}]"


class StopStrings:
    """Looks for strings in what rows are writing, many tokens at once.

    A stop string is there as soon as the text of the tokens so far has it. Only the last tokens are
    looked at, as many as the longest string has bytes and a few more: each token adds a byte or
    more. So the work grows with the text as its length does.

    Args:
        stop: string [B, S], valid UTF-8; an empty one is none.
        decode: tf.RaggedTensor int32 [N, (T)] -> the texts of these tokens, string [N].
    """

    def __init__(self, stop: tf.Tensor, decode: Callable):
        self._decode = decode
        self._lengths = tf.strings.length(stop)
        longest = tf.maximum(tf.reduce_max(self._lengths), 1)
        self._bytes = tf.io.decode_raw(stop, tf.uint8, fixed_length=longest)
        self._past = tf.range(longest) >= self._lengths[..., tf.newaxis]
        present = self._lengths > 0
        # There may be no row, or no string.
        shortest = tf.reduce_min(tf.where(present, self._lengths, longest))
        self._shortest = tf.minimum(shortest, longest)
        # A place that no text has room for.
        self._needed = tf.where(present, self._lengths, 2**30)[:, tf.newaxis, :, tf.newaxis]
        self._longest = longest
        self._window = longest + _TOKENS_BEFORE

    def before(self) -> tf.Tensor:
        """The tokens before the first, int32 [B, window − 1]: none, which is −1."""
        return tf.fill(tf.stack([tf.shape(self._lengths)[0], self._window - 1]), -1)

    def found(self, before: tf.Tensor, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Whether a string is there after each of the tokens `chosen`, int32 [n, B].

        Returns bool [n, B], and what is `before` the tokens after these.
        """
        count = chosen.shape[0]
        ids = tf.concat([before, tf.transpose(chosen)], axis=1)
        places = tf.range(count)[:, tf.newaxis] + tf.range(self._window)
        texts = self._texts(tf.gather(ids, places, axis=1))
        return tf.transpose(self._have(texts)), ids[:, count:]

    def _texts(self, windows: tf.Tensor) -> tf.Tensor:
        """The texts of tokens int32 [B, n, window], those that are none left out; string [B, n]."""
        real = windows >= 0
        lengths = tf.reshape(tf.reduce_sum(tf.cast(real, tf.int32), axis=-1), [-1])
        rows = tf.RaggedTensor.from_row_lengths(
            tf.boolean_mask(windows, real), lengths, validate=False
        )
        return tf.reshape(self._decode(rows), tf.shape(windows)[:2])

    def _have(self, texts: tf.Tensor) -> tf.Tensor:
        """Where texts [B, n] have a string of their row, byte for byte at any place."""
        sizes = tf.strings.length(texts)
        size = tf.maximum(tf.reduce_max(sizes), self._longest)
        data = tf.io.decode_raw(texts, tf.uint8, fixed_length=size + self._longest)
        starts = tf.range(size - self._shortest + 1)
        frames = tf.gather(data, starts[:, tf.newaxis] + tf.range(self._longest), axis=-1)
        same = frames[:, :, tf.newaxis] == self._bytes[:, tf.newaxis, :, tf.newaxis]
        same = tf.reduce_all(same | self._past[:, tf.newaxis, :, tf.newaxis], axis=-1)
        fits = starts + self._needed <= sizes[:, :, tf.newaxis, tf.newaxis]
        return tf.reduce_any(same & fits, axis=[2, 3])


def cut_at(texts: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
    """Texts [B] up to where the first of their row's strings, [B, S], begins.

    >>> texts, stop = tf.constant(["one. two", "a|b"]), tf.constant([["two", ". "], ["", "|"]])
    >>> cut_at(texts, stop).numpy().tolist()
    [b'one', b'a']
    """
    literal = tf.strings.regex_replace(stop, r"\\E", r"\\E\\\\E\\Q")
    literal = tf.where(stop == "", _NEVER, tf.strings.join([r"\Q", literal, r"\E"]))
    literal = tf.pad(literal, [[0, 0], [0, 1]], constant_values=_NEVER)
    alternatives = tf.strings.reduce_join(literal, axis=1, separator="|")
    patterns = tf.strings.join(["(?s)(?:", alternatives, ").*"])
    return tf.map_fn(
        lambda row: tf.strings.regex_replace(row[0], row[1], ""),
        (texts, patterns),
        fn_output_signature=tf.TensorSpec([], tf.string),
    )
