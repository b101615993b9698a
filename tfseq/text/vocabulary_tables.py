"""Lookup of ids and tokens in graph."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf


class VocabularyTables(tf.Module):
    """The two lookups of a vocabulary, in graph. Made by `Vocabulary.tables`.

    Track the object in whatever is saved: it owns the tables' resources.
    """

    def token_to_id(self, tokens: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """Return the int32 ids of tokens; 0 for those that are not in the vocabulary."""
        return tf.ragged.map_flat_values(self._lookup_tokens, _convert(tokens))

    def id_to_token(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """Return the tokens of integer ids; the unknown token for ids that there are not."""
        return tf.ragged.map_flat_values(self._lookup_ids, tf.cast(_convert(ids), tf.int64))

    def _lookup_tokens(self, tokens: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError

    def _lookup_ids(self, ids: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError


class EmbeddedTables(VocabularyTables):
    """Tables whose tokens are constants of the graph.

    Args:
        tokens: the tokens in the order of their ids, the unknown token first.
    """

    def __init__(self, tokens: Sequence[str]):
        super().__init__(name="vocabulary")
        self._tokens = tf.constant(tokens)
        self._ids = _table(self._tokens, tf.range(len(tokens)), default=0)

    def _lookup_tokens(self, tokens: tf.Tensor) -> tf.Tensor:
        return self._ids.lookup(tokens)

    def _lookup_ids(self, ids: tf.Tensor) -> tf.Tensor:
        known = (ids >= 0) & (ids < tf.size(self._tokens, tf.int64))
        return tf.gather(self._tokens, tf.where(known, ids, tf.zeros_like(ids)))


class AssetTables(VocabularyTables):
    r"""Tables that read the vocabulary's file, which becomes an asset of a SavedModel.

    TensorFlow reads the file's lines as they are, escaped. The few tokens whose line differs
    from the token (`\n` for a newline), and the lines that are not tokens, are corrected by
    small tables in the graph.

    Args:
        lines: the file's lines, in the order of the ids.
        escaped: token -> line, for the tokens whose line is another string.
        path: the file. A SavedModel keeps its name.
    """

    def __init__(self, lines: Sequence[str], escaped: Mapping[str, str], path: str | os.PathLike):
        super().__init__(name="vocabulary")
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
        id_of_line = {line: number for number, line in enumerate(lines)}
        exceptions = dict.fromkeys(escaped.values(), 0)
        exceptions |= {token: id_of_line[line] for token, line in escaped.items()}
        self._has_exceptions = bool(exceptions)
        if self._has_exceptions:
            self._exceptional_ids = _table(
                tf.constant(list(exceptions)),
                tf.constant(list(exceptions.values()), tf.int64),
                default=-1,
            )
            self._exceptional_lines = _table(
                tf.constant(list(escaped.values())), tf.constant(list(escaped)), default=""
            )

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


def _table(keys: tf.Tensor, values: tf.Tensor, default: int | str) -> tf.lookup.StaticHashTable:
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default)


def _convert(values: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
    return values if isinstance(values, tf.RaggedTensor) else tf.convert_to_tensor(values)
