"""Counts of n-grams in bounded memory: sorted parts in memory, sorted runs on disk."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

# An id takes 21 bits, so that three fit into one 64-bit word.
MAX_DISTINCT_TOKENS = 1 << 21
_BITS = 21
_PER_WORD = 3
# A table of all n-grams that there could be may be so many times as long as the text.
_DENSE = 4


class NGramCounter:
    """Counts the n-grams of a stream of token ids.

    Every piece of the stream becomes a sorted part: its different n-grams and their counts. Parts
    that together have more than `max_entries` are merged into one; if that one has more than half
    as many, it goes to disk as a run, and memory is free again. At the end the runs are merged as
    they are read, a block of each at a time. So memory holds `max_entries` and what it takes to
    sort them, whatever the text.

    Args:
        length: n, from 1 to 6.
        directory: where runs are kept; at most 24 bytes for each different n-gram of each run.
        max_entries: how many n-grams may be held in memory.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     counter = NGramCounter(2, directory)
    ...     counter.add(np.array([3, 1, 3, 1]))
    ...     [(keys, counts)] = counter.merged()
    >>> counter.ids(keys).tolist(), counts.tolist()
    ([[1, 3], [3, 1]], [1, 2])
    """

    def __init__(self, length: int, directory: str | Path, max_entries: int = 1 << 20):
        if not 1 <= length <= 2 * _PER_WORD:
            raise ValueError(f"`length` must be from 1 to {2 * _PER_WORD}. Received: {length}.")
        self.length = length
        self.num_runs = 0
        self._directory = Path(directory)
        self._max_entries = max_entries
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []
        self._held = 0
        self._before = np.empty(0, np.int64)

    def add(self, ids: np.ndarray) -> None:
        """Count the n-grams that end in the next piece of the stream.

        Args:
            ids: token ids, int64, less than `MAX_DISTINCT_TOKENS`.
        """
        ids = np.concatenate([self._before, ids])
        self._before = ids[max(0, len(ids) - self.length + 1) :]
        if len(ids) < self.length:
            return
        part = _count([ids[i : len(ids) - self.length + 1 + i] for i in range(self.length)])
        self._parts.append(part)
        self._held += len(part[0])
        if self._held > self._max_entries:
            self._merge_parts()
            if self._held > self._max_entries // 2:
                self._spill()

    def merged(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield keys and counts of all n-grams, block by block, in the order of their ids."""
        self._merge_parts()
        if self.num_runs == 0:
            yield from self._parts
            return
        self._spill()
        block = max(1024, self._max_entries // self.num_runs)
        runs = [_Run(self._paths(n), self._dtype, block) for n in range(self.num_runs)]
        while runs := [run for run in runs if len(run.keys)]:
            # Up to the least of the blocks' ends, nothing can be missing.
            limit = min(run.keys[-1] for run in runs)
            yield _add_up([run.take(limit) for run in runs])

    def ids(self, keys: np.ndarray) -> np.ndarray:
        """The token ids of n-grams, int64 [number of n-grams, n]."""
        words = keys.view(">u8").reshape(len(keys), -1) if keys.dtype.kind == "S" else keys[:, None]
        columns = [
            words[:, place // _PER_WORD].astype(np.int64)
            >> _BITS * (_PER_WORD - 1 - place % _PER_WORD)
            for place in range(words.shape[1] * _PER_WORD)
        ]
        ids = np.stack(columns, axis=1) & (1 << _BITS) - 1
        return ids[:, : self.length]

    def _merge_parts(self) -> None:
        if len(self._parts) > 1:
            self._parts = [_add_up(self._parts)]
        self._held = sum(len(keys) for keys, _ in self._parts)

    def _spill(self) -> None:
        for keys, counts in self._parts:
            self._dtype = keys.dtype
            keys_path, counts_path = self._paths(self.num_runs)
            keys.tofile(keys_path)
            counts.tofile(counts_path)
            self.num_runs += 1
        self._parts, self._held = [], 0

    def _paths(self, number: int) -> tuple[Path, Path]:
        name = f"{self.length}-{number}"
        return self._directory / f"{name}.keys", self._directory / f"{name}.counts"


class _Run:
    """A run that is read from disk in blocks: `keys` and `counts` are what has been read."""

    def __init__(self, paths: tuple[Path, Path], dtype: np.dtype, block: int):
        self._paths, self._block, self._place = paths, block, 0
        self.keys, self.counts = np.empty(0, dtype), np.empty(0, np.int64)
        self._read()

    def take(self, limit: np.generic) -> tuple[np.ndarray, np.ndarray]:
        """The n-grams up to a key, which then are read no more."""
        stop = np.searchsorted(self.keys, limit, side="right")
        taken = self.keys[:stop], self.counts[:stop]
        self.keys, self.counts = self.keys[stop:], self.counts[stop:]
        if len(self.keys) == 0:
            self._read()
        return taken

    def _read(self) -> None:
        read = (
            np.fromfile(path, array.dtype, self._block, offset=self._place * array.itemsize)
            for path, array in zip(self._paths, (self.keys, self.counts), strict=True)
        )
        self.keys, self.counts = read
        self._place += len(self.keys)


def _count(columns: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The sorted keys of n-grams, one column a place, and how often each occurs."""
    base = max(int(column.max()) + 1 for column in columns)
    if base ** len(columns) > _DENSE * len(columns[0]):
        return np.unique(_pack(columns), return_counts=True)
    # Few tokens, as characters are: a table of all n-grams there could be is faster than to sort.
    places = columns[0]
    for column in columns[1:]:
        places = places * base + column
    counts = np.bincount(places)
    places = np.flatnonzero(counts)
    return _pack(list(np.unravel_index(places, [base] * len(columns)))), counts[places]


def _pack(columns: list[np.ndarray]) -> np.ndarray:
    """Ids side by side as one sortable key: a word, or two as 16 bytes."""
    words = []
    for start in range(0, len(columns), _PER_WORD):
        word = np.zeros(len(columns[0]), np.uint64)
        for place, column in enumerate(columns[start : start + _PER_WORD]):
            word |= column.astype(np.uint64) << np.uint64(_BITS * (_PER_WORD - 1 - place))
        words.append(word)
    if len(words) == 1:
        return words[0]
    # Bytes of big-endian words sort as the words do.
    return np.stack(words, axis=1).astype(">u8").view("S16")[:, 0]


def _add_up(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Sorted parts as one, counts of equal keys added."""
    keys = np.concatenate([keys for keys, _ in parts])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    counts = np.concatenate([counts for _, counts in parts])[order]
    return keys[first], np.add.reduceat(counts, first)
