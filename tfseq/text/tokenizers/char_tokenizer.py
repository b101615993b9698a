"""Text as a row of Unicode code points."""

import re

import tensorflow as tf

from tfseq.text.tokenizers.tokenizer import AFTER_LETTERS, Tokenizer

_ANYWHERE = re.compile("")
# NFKC and case folding work across neighbouring characters, but these (ASCII, kana, ideographs,
# Hangul syllables) never change or join what precedes them.
_BEFORE_INERT_CHARACTER = re.compile(r"(?=[\x00-\x7fぁ-ゖァ-ヺ一-鿿가-힣])")


class CharTokenizer(Tokenizer):
    """Splits text into characters: Unicode code points, never bytes.

    With normalization `none` and without case folding, `detokenize(tokenize(text))` is `text`
    for every valid UTF-8 string. With `letters`, line breaks are dropped: the last character of
    a line is followed by the first of the next, as in the textbook's character models.

    >>> tokenizer = CharTokenizer()
    >>> [token.decode() for token in tokenizer.tokenize("直升机!").numpy()]
    ['直', '升', '机', '!']
    >>> tokenizer.detokenize(tokenizer.tokenize(["no", "one"])).numpy().tolist()
    [b'no', b'one']
    """

    @property
    def chunk_boundary(self) -> re.Pattern[str]:
        if self.normalization == "letters":
            return AFTER_LETTERS
        if self.normalization == "nfkc" or self.case_fold:
            return _BEFORE_INERT_CHARACTER
        return _ANYWHERE

    def tokenize(self, strings: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        return tf.ragged.map_flat_values(_as_characters, self._code_points(strings))

    def tokenize_distinct(self, string: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Integers are told apart faster than strings.
        distinct, index = tf.unique(self._code_points(string))
        return _encode(distinct), index

    def detokenize(self, tokens: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        return tf.strings.reduce_join(tokens, axis=-1)

    def _code_points(self, strings: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        strings = self._normalize(strings)
        if self.normalization == "letters":
            strings = tf.strings.regex_replace(strings, "\n", "")
        return tf.strings.unicode_decode(strings, "UTF-8")


def _as_characters(code_points: tf.Tensor) -> tf.Tensor:
    # A text has few distinct characters. To encode each once and gather is three times as fast
    # as `tf.strings.unicode_split`, which encodes every one.
    distinct, index = tf.unique(code_points)
    return tf.gather(_encode(distinct), index)


def _encode(code_points: tf.Tensor) -> tf.Tensor:
    return tf.strings.unicode_encode(code_points[:, tf.newaxis], "UTF-8")
