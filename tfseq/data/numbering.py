"""Tokens numbered in the order in which they appear, before there is a vocabulary."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tfseq.text import Tokenizer
from tfseq.text.counting import as_text, tokenized


@dataclass(frozen=True)
class NumberedTokens:
    """A text as numbers of its distinct tokens, in a file.

    Attributes:
        path: the file: pieces of numbers, one after the other, each of the smallest unsigned
            type that holds the numbers given so far.
        distinct: the distinct tokens (UTF-8) in the order of their first appearance; a token's
            number is its place here.
        pieces: type and length of each piece.
    """

    path: Path
    distinct: list[bytes]
    pieces: list[tuple[np.dtype, int]]

    @property
    def num_tokens(self) -> int:
        """The number of tokens in the text."""
        return sum(length for _, length in self.pieces)

    def read(self, stop: int | None = None, start: int = 0) -> Iterator[np.ndarray]:
        """Yield the numbers of tokens `start` to `stop` (of all by default), piece by piece."""
        stop = self.num_tokens if stop is None else stop
        with self.path.open("rb") as file:
            for dtype, length in self.pieces:
                if stop <= 0:
                    return
                if start >= length:
                    file.seek(length * np.dtype(dtype).itemsize, os.SEEK_CUR)
                else:
                    yield np.fromfile(file, dtype, length)[max(0, start) : stop]
                start, stop = start - length, stop - length

    def counts(self, stop: int | None = None) -> dict[str, int]:
        """How often each token occurs among the first `stop` (among all by default)."""
        return counts_of(self.distinct, self.frequencies(stop))

    def frequencies(self, stop: int | None = None) -> np.ndarray:
        """The same, in the order of `distinct`."""
        counts = np.zeros(len(self.distinct), np.int64)
        for numbers in self.read(stop):
            counts += np.bincount(numbers, minlength=len(counts))
        return counts


def counts_of(distinct: Iterable[bytes], frequencies: np.ndarray) -> dict[str, int]:
    """How often each token occurs, of those that do."""
    return {
        as_text(token): count
        for token, count in zip(distinct, frequencies.tolist(), strict=True)
        if count
    }


def number_tokens(
    texts: Iterable[str], tokenizer: Tokenizer, path: Path, max_tokens: int | None = None
) -> NumberedTokens:
    """Tokenize a stream of texts, once, and write the number of each token to a file.

    Each token is a number among the distinct ones of its piece first, so that Python sees every
    distinct token once a piece. Memory holds a few texts and the distinct tokens.

    Args:
        texts: pieces of text; their tokens are taken one after the other.
        tokenizer: what splits them.
        path: the file to write.
        max_tokens: how many tokens to take; by default all.

    Raises:
        InputError, OSError: what reading the texts raises.
    """
    left = max_tokens
    with path.open("wb") as file:
        writer = NumberWriter(file)
        for tokens, numbers in tokenized(texts, tokenizer):
            writer.write(tokens, numbers[:left])
            if left is not None:
                left -= len(numbers[:left])
                if left == 0:
                    break
    return writer.numbered(path)


class NumberWriter:
    """Writes the numbers of tokens to a file, piece by piece.

    Args:
        file: open for writing.
    """

    def __init__(self, file: BinaryIO):
        self._file = file
        self._number_of: dict[bytes, int] = {}
        self._pieces: list[tuple[np.dtype, int]] = []

    def write(self, tokens: np.ndarray, numbers: np.ndarray) -> None:
        """Write a piece.

        Args:
            tokens: its distinct tokens, in the order of their first appearance.
            numbers: the place among them of each token, or of the first ones.
        """
        number_of = self._number_of
        # They are numbered in order of appearance, so those cut off come last.
        used = tokens[: numbers.max(initial=-1) + 1]
        known = [number_of.setdefault(token, len(number_of)) for token in used]
        dtype = np.min_scalar_type(len(number_of))
        self._file.write(np.array(known, dtype)[numbers].data)
        self._pieces.append((dtype, len(numbers)))

    def numbered(self, path: Path) -> NumberedTokens:
        """What has been written, to the file of that path."""
        return NumberedTokens(path, list(self._number_of), self._pieces)
