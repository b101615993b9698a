"""Tokenizers as a person writes them."""

import re

import tensorflow as tf

from tfseq.text import Tokenizer, WordTokenizer


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


class Words(WordTokenizer):
    """A subclass that changes nothing."""


class Dashes(Commas):
    """A free object, in TensorFlow's operations, that joins texts in its own way."""

    def join(self, prompt, completion):
        return tf.strings.join([prompt, completion], " - ")


class PlainDashes(Syllables):
    """One in plain Python."""

    def join(self, prompt, completion):
        pairs = zip(prompt.numpy(), completion.numpy(), strict=True)
        return [b" - ".join(pair) for pair in pairs]


class PlainWords(WordTokenizer):
    """A subclass in plain Python."""

    def tokenize(self, strings):
        return [s.decode().split() for s in strings.numpy()]


class Broken(Commas):
    """One that cannot be made."""

    def __init__(self):
        raise KeyError("no table")


def words():
    """What makes a subclass need not be its class."""
    return Words(case_fold=True)


def commas():
    """What makes a tokenizer need not be a class."""
    return Commas()
