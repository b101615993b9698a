"""Tokenizers as a person writes them."""

import re

import tensorflow as tf

from tfseq.text import Tokenizer


class Syllables:
    """Plain Python: a syllable ends in a vowel."""

    joiner = "-"

    def tokenize(self, strings):
        return [re.findall(r"\n|[^\naeiou]*[aeiou]|[^\n]+", s.decode()) for s in strings.numpy()]

    def detokenize(self, tokens):
        return ["".join(token.decode() for token in row) for row in tokens.numpy()]


class Commas:
    """TensorFlow's operations alone."""

    document_edge = ","

    def __init__(self, normalization="none"):
        self.normalization = normalization

    def tokenize(self, strings):
        if self.normalization == "letters":
            strings = tf.strings.lower(strings)
        return tf.strings.split(strings, ",")

    def detokenize(self, tokens):
        return tf.strings.reduce_join(tokens, axis=-1, separator=",")


class Halves(Tokenizer):
    """A subclass, with all that it inherits."""

    joiner = "|"

    def tokenize(self, strings):
        return tf.strings.split(self._normalize(strings), "|")

    def detokenize(self, tokens):
        return tf.strings.reduce_join(tokens, axis=-1, separator="|")


def commas():
    """What makes a tokenizer need not be a class."""
    return Commas()
