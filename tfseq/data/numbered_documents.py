"""Documents as numbers of their tokens, before there is a vocabulary."""

import dataclasses
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfseq.data.numbering import NumberedTokens, NumberWriter
from tfseq.text import Tokenizer
from tfseq.text.corpora.corpus import chunks_of
from tfseq.text.counting import as_text, parallel_map
from tfseq.text.tokenizers.make_tokenizer import as_tokenizer


@dataclasses.dataclass(frozen=True)
class NumberedDocuments:
    """Documents as numbers of their distinct tokens, in a file.

    Attributes:
        tokens: those of all documents, one after the other.
        lengths: int64 `[D]`, the tokens of each document that has a character or a token.
        characters: int64 `[D]`, its characters.
    """

    tokens: NumberedTokens
    lengths: np.ndarray
    characters: np.ndarray

    def counts(self, taken: np.ndarray) -> dict[str, int]:
        """How often each token occurs in the documents that are `taken`, bool `[D]`."""
        distinct = self.tokens.distinct
        counts = np.zeros(len(distinct), np.int64)
        for some, lengths, _, numbers in self._blocks():
            here = np.repeat(taken[some], lengths)
            counts += np.bincount(numbers[here], minlength=len(counts))
        named = zip(map(as_text, distinct), counts.tolist(), strict=True)
        return {token: count for token, count in named if count}

    def ids(
        self,
        id_of: np.ndarray,
        end: int,
        taken: np.ndarray,
        start: int = 0,
        stop: int | None = None,
    ) -> Iterator[np.ndarray]:
        """Yield the ids of the documents that are taken, and an END after each.

        Args:
            id_of: the id of each distinct token.
            end: the id of END.
            taken: bool `[D]`.
            start, stop: which of these ids; by default all.
        """
        position = 0
        for some, lengths, ended, numbers in self._blocks():
            if stop is not None and position >= stop:
                return
            here = taken[some]
            size = int((lengths + ended)[here].sum())
            if size and position + size > start:
                ids = np.insert(id_of[numbers], np.cumsum(lengths)[ended], end)
                ids = ids[np.repeat(here, lengths + ended)]
                yield ids[max(0, start - position) : stop and stop - position]
            position += size

    def _blocks(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray, ...]]:
        """Yield which documents, how many tokens of each there are, whether the last one of these
        is its last, and their numbers: some at a time, also of one long document."""
        stops = np.cumsum(self.lengths)
        starts = stops - self.lengths
        position, total = 0, int(stops[-1]) if len(stops) else 0
        for numbers in self.tokens.read(total):
            reached = position + len(numbers)
            first = int(np.searchsorted(stops, position, "right"))
            last = int(np.searchsorted(starts, reached, "left"))
            some = slice(first, last)
            here = np.minimum(stops[some], reached) - np.maximum(starts[some], position)
            yield some, here, stops[some] <= reached, numbers
            position = reached


def number_documents(
    documents: Iterable[Iterable[str]],
    tokenizer: Tokenizer,
    path: Path,
    chunk_chars: int,
    max_tokens: int | None = None,
) -> NumberedDocuments:
    """Tokenize documents, once, on every core, and write the number of each token to a file.

    Args:
        documents: each as pieces of text; each is read before the next one.
        tokenizer: what splits them.
        path: the file to write.
        chunk_chars: characters that are tokenized at a time, at least.
        max_tokens: after so many tokens, no more documents need be read.

    Raises:
        InputError, OSError: what reading the documents raises.
    """
    tokenizer = as_tokenizer(tokenizer)
    lengths, characters, length, total = array("q"), array("q"), 0, 0

    def split(batch):
        texts, ends = batch
        if len(texts) == 1:
            distinct, index = tokenizer.tokenize_distinct(tf.constant(texts[0]))
            return distinct.numpy(), index.numpy(), [len(index)], ends
        rows = tokenizer.tokenize(tf.constant(texts))
        distinct, index = tf.unique(rows.values)
        return distinct.numpy(), index.numpy(), rows.row_lengths().numpy().tolist(), ends

    batches = _batches(documents, tokenizer, chunk_chars)
    with path.open("wb") as file:
        writer = NumberWriter(file)
        for distinct, index, row_lengths, ends in parallel_map(split, batches):
            writer.write(distinct, index)
            for row_length, end in zip(row_lengths, ends, strict=True):
                length += row_length
                if end is not None:
                    if length or end:
                        lengths.append(length)
                        characters.append(end)
                    total, length = total + length, 0
            if max_tokens is not None and total > max_tokens:
                break
    return NumberedDocuments(writer.numbered(path), *map(_int64, (lengths, characters)))


def _int64(numbers: array) -> np.ndarray:
    return np.frombuffer(numbers, np.int64) if numbers else np.empty(0, np.int64)


def _batches(
    documents: Iterable[Iterable[str]], tokenizer: Tokenizer, chunk_chars: int
) -> Iterator[tuple[list[str], list[int | None]]]:
    """Texts, and where a document ends with one, its characters: many short texts together, a long
    one alone."""
    texts, ends, size = [], [], 0
    for document in documents:
        sizes, before = [], None
        for text in chunks_of(_noted(document, sizes), tokenizer, chunk_chars):
            if texts and (before is not None or size + len(text) > chunk_chars):
                yield texts, ends
                texts, ends, size = [], [], 0
            if before is not None:
                yield [before], [None]
            before = text
        if before is not None:
            texts.append(before)
            ends.append(sum(sizes))
            size += len(before)
    if texts:
        yield texts, ends


def _noted(document: Iterable[str], sizes: list[int]) -> Iterator[str]:
    """The pieces of a document that are not empty, whose sizes are noted."""
    for piece in document:
        if piece:
            sizes.append(len(piece))
            yield piece
