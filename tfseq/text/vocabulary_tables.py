"""Lookup of ids and tokens in graph."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from tfseq.text.special_tokens import SpecialToken


class VocabularyTables(tf.Module):
    r"""The two lookups of a vocabulary, in graph. Made by `Vocabulary.tables`.

    Track the object in whatever is saved: it owns the tables' resources.

    TensorFlow reads the lines of a file as they are, escaped. The few tokens whose line differs
    from the token (`\n` for a newline), and the lines that are not tokens, are corrected by
    small tables in the graph.

    Args:
        tokens: the tokens in the order of their ids, the unknown token first.
        lines: the lines of the vocabulary's file, in the same order.
        path: the file, which becomes an asset of a SavedModel under its name. None: the tokens are
            constants of the graph.
    """

    def __init__(self, tokens: Sequence[str], lines: Sequence[str], path: str | os.PathLike | None):
        super().__init__(name="vocabulary")
        self._has_exceptions = False
        if path is None:
            ids = tf.range(len(tokens), dtype=tf.int64)
            self._lines = _table(ids, tokens, tokens[0])
            if special := [i for i, t in enumerate(tokens) if isinstance(t, SpecialToken)]:
                ids = tf.constant([i for i in range(len(tokens)) if i not in special], tf.int64)
                tokens = [tokens[i] for i in ids.numpy()]
            self._ids = _table(tokens, ids, 0)
            return
        # TensorFlow shares the tables that are made of one path, even after the file has
        # changed. A path of its own keeps this one apart.
        directory = tempfile.mkdtemp(prefix="tfseq-vocabulary-")
        weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        path = shutil.copy(path, Path(directory, Path(path).name))
        line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        self._ids = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(path, tf.string, line, tf.int64, number), 0
        )
        self._lines = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(path, tf.int64, number, tf.string, line), lines[0]
        )
        escaped = {t: line for t, line in zip(tokens, lines, strict=True) if t != line}
        exceptions = dict.fromkeys(escaped.values(), 0)
        exceptions |= {
            token: id
            for id, token in enumerate(tokens)
            if token in escaped and not isinstance(token, SpecialToken)
        }
        self._has_exceptions = bool(exceptions)
        if exceptions:
            ids = tf.constant([*exceptions.values()], tf.int64)
            self._exceptional_ids = _table([*exceptions], ids, -1)
            self._exceptional_lines = _table([*escaped.values()], [*escaped], "")

    def token_to_id(self, tokens: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """Return the int32 ids of tokens; 0 for those that are not in the vocabulary."""
        return tf.ragged.map_flat_values(self._lookup_tokens, _convert(tokens))

    def id_to_token(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """Return the tokens of integer ids; the unknown token for ids that there are not."""
        return tf.ragged.map_flat_values(self._lookup_ids, tf.cast(_convert(ids), tf.int64))

    def _lookup_tokens(self, tokens: tf.Tensor) -> tf.Tensor:
        ids = self._ids.lookup(tokens)
        if self._has_exceptions:
            exceptional = self._exceptional_ids.lookup(tokens)
            ids = tf.where(exceptional >= 0, exceptional, ids)
        return tf.cast(ids, tf.int32)

    def _lookup_ids(self, ids: tf.Tensor) -> tf.Tensor:
        lines = self._lines.lookup(ids)
        if not self._has_exceptions:
            return lines
        exceptional = self._exceptional_lines.lookup(lines)
        return tf.where(exceptional == "", lines, exceptional)


def _table(keys, values, default: int | str) -> tf.lookup.StaticHashTable:
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default)


def _convert(values: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
    return values if isinstance(values, tf.RaggedTensor) else tf.convert_to_tensor(values)
