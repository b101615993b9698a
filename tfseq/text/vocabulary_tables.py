"""Lookup of ids and tokens in graph."""

from collections.abc import Sequence

import tensorflow as tf


class VocabularyTables(tf.Module):
    """The two lookups of a vocabulary, in graph. Track it in whatever is saved.

    Args:
        tokens: the tokens in the order of their ids, the unknown token first.
    """

    def __init__(self, tokens: Sequence[str]):
        super().__init__(name="vocabulary")
        self._tokens = tf.constant(list(tokens))
        self._ids = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(self._tokens, tf.range(len(tokens))),
            default_value=0,
        )

    def token_to_id(self, tokens: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """Returns the int32 ids of tokens; 0 for those that are not in the vocabulary."""
        return tf.ragged.map_flat_values(self._ids.lookup, _convert(tokens))

    def id_to_token(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """Returns the tokens of integer ids; the unknown token for ids that there are not."""
        return tf.ragged.map_flat_values(self._gather, _convert(ids))

    def _gather(self, ids: tf.Tensor) -> tf.Tensor:
        known = (ids >= 0) & (ids < tf.cast(tf.size(self._tokens), ids.dtype))
        return tf.gather(self._tokens, tf.where(known, ids, tf.zeros_like(ids)))


def _convert(values: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
    return values if isinstance(values, tf.RaggedTensor) else tf.convert_to_tensor(values)
