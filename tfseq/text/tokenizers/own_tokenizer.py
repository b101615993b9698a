"""A tokenizer of a person's own, as the library uses it: of any shape, eagerly and in graphs."""

from functools import cached_property
from typing import Any

import tensorflow as tf

from tfseq.errors import InputError
from tfseq.text.tokenizers.table import TOKENIZERS
from tfseq.text.tokenizers.tokenizer import Tokenizer


class OwnTokenizer(Tokenizer):
    """An object with the methods that `Tokenizer` names. In a graph, one that is plain Python runs
    in a `tf.py_function`.

    Args:
        own: the object.

    Raises:
        InputError: a method is missing.
    """

    def __init__(self, own: Any):
        for method in ("tokenize", "detokenize"):
            if not callable(getattr(own, method, None)):
                raise InputError(f"`tokenizer` must have a method `{method}`. Received: {own!r}.")
        super().__init__(getattr(own, "normalization", "none"), getattr(own, "case_fold", False))
        self.own = own
        for name in ("joiner", "chunk_boundary", "line_ends"):
            setattr(self, name, getattr(own, name, getattr(self, name)))

    @property
    def kind(self) -> str:
        return self.made_by or TOKENIZERS.name(type(self.own))

    @property
    def document_edge(self) -> str:
        return getattr(self.own, "document_edge", super().document_edge)

    @cached_property
    def is_in_graph(self) -> bool:
        """Whether it is made of TensorFlow's operations, so that a graph can hold it."""

        def there_and_back(strings):
            texts = self.own.detokenize(self.own.tokenize(strings))
            return self._join_own(strings, texts)

        texts = tf.TensorSpec([None], tf.string)
        try:
            with tf.init_scope():
                tf.function(there_and_back, autograph=False).get_concrete_function(texts)
        except Exception:  # Whatever plain Python makes of a symbolic tensor.
            return False
        return True

    def tokenize(self, strings: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        strings = tf.convert_to_tensor(strings)
        rows = self._tokenize_rows(tf.reshape(strings, [-1]))
        if strings.shape.rank == 0:
            return rows.values
        for size in reversed(strings.shape[1:].as_list()):
            rows = tf.RaggedTensor.from_uniform_row_length(rows, size)
        return rows

    def _tokenize_rows(self, strings: tf.Tensor) -> tf.RaggedTensor:
        if tf.executing_eagerly() or self.is_in_graph:
            return _ragged(self.own.tokenize(strings), strings)

        def eagerly(strings):
            rows = self._tokenize_rows(strings)
            return rows.values, rows.row_lengths()

        values, lengths = tf.py_function(eagerly, [strings], [tf.string, tf.int64])
        values, lengths = tf.ensure_shape(values, [None]), tf.ensure_shape(lengths, [None])
        return tf.RaggedTensor.from_row_lengths(values, lengths)

    def detokenize(self, tokens: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        if not isinstance(tokens, tf.RaggedTensor):
            tokens = tf.convert_to_tensor(tokens)
            if tokens.shape.rank == 1:
                return self.detokenize(tokens[tf.newaxis])[0]
            # Tokens are not empty: what is fills rows up.
            tokens = tf.RaggedTensor.from_tensor(tokens, padding="")
        if tf.executing_eagerly() or self.is_in_graph:
            return tf.convert_to_tensor(self.own.detokenize(tokens), tf.string)

        def eagerly(values, lengths):
            return self.detokenize(tf.RaggedTensor.from_row_lengths(values, lengths))

        texts = tf.py_function(eagerly, [tokens.values, tokens.row_lengths()], tf.string)
        return tf.ensure_shape(texts, [tokens.shape[0]])

    def join(self, prompt: tf.Tensor, completion: tf.Tensor) -> tf.Tensor:
        if tf.executing_eagerly() or self.is_in_graph:
            return tf.convert_to_tensor(self._join_own(prompt, completion), tf.string)
        texts = tf.py_function(self.join, [prompt, completion], tf.string)
        return tf.ensure_shape(texts, prompt.shape)

    def _join_own(self, prompt: tf.Tensor, completion: tf.Tensor) -> Any:
        return getattr(self.own, "join", super().join)(prompt, completion)

    def __repr__(self) -> str:
        return f"OwnTokenizer({self.own!r})"


def _ragged(rows: Any, strings: tf.Tensor) -> tf.RaggedTensor:
    """A row of tokens for each string, as a RaggedTensor."""
    if not isinstance(rows, tf.RaggedTensor):
        if tf.is_tensor(rows):
            rows = tf.RaggedTensor.from_tensor(rows, padding="")
        else:
            flat = tf.constant([token for row in rows for token in row], tf.string)
            rows = tf.RaggedTensor.from_row_lengths(flat, [len(row) for row in rows])
    number = rows.shape[0]
    if tf.executing_eagerly() and number != len(strings):
        raise InputError(
            f"`tokenizer` must give a row of tokens for each string. Received: {number} rows for "
            f"{len(strings)} strings."
        )
    return rows
