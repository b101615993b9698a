"""Counts of n-grams in bounded memory: sorted parts in memory, sorted runs on disk."""

from collections.abc import Iterator, Sequence
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
        self._runs: list[Path] = []
        self._directory = Path(directory)
        self._max_entries = max_entries
        self._parts: list[np.ndarray] = []
        self._before = np.empty(0, np.int64)

    @property
    def num_runs(self) -> int:
        """How many runs there are on disk."""
        return len(self._runs)

    def begin_after(self, ids: np.ndarray) -> None:
        """Let the stream go on from ids that are counted elsewhere: int64, as `add` takes them."""
        self._before = ids[max(0, len(ids) - self.length + 1) :]

    def add_run(self, path: Path) -> None:
        """Add what `write_run` has written of another counter of that length."""
        self._runs.append(path)

    def write_run(self, path: Path) -> None:
        """Write all n-grams with their counts, in order, for `add_run`."""
        with path.open("wb") as file:
            for keys, counts in self.merged():
                _entries(keys, counts).tofile(file)

    def add(self, ids: np.ndarray) -> None:
        """Count the n-grams that end in a next piece: int64, less than `MAX_DISTINCT_TOKENS`."""
        ids = np.concatenate([self._before, ids])
        self._before = ids[max(0, len(ids) - self.length + 1) :]
        if len(ids) < self.length:
            return
        end = len(ids) - self.length + 1
        self._parts.append(_count([ids[i : end + i] for i in range(self.length)]))
        if sum(map(len, self._parts)) > self._max_entries:
            self._parts = [_add_up(self._parts)]
            if len(self._parts[0]) > self._max_entries // 2:
                self._spill()

    def merged(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield keys and counts of all n-grams, block by block, in the order of their ids."""
        if self._parts:
            self._parts = [_add_up(self._parts)]
            if self._runs:
                self._spill()
        for part in self._parts:
            yield part["key"], part["count"]
        block = max(1024, self._max_entries // max(self.num_runs, 1))
        runs = [_Run(path, self._dtype, block) for path in self._runs]
        while runs := [run for run in runs if len(run.entries)]:
            # Up to the least of the blocks' ends, nothing can be missing.
            limit = min(run.entries["key"][-1] for run in runs)
            part = _add_up([run.take(limit) for run in runs])
            yield part["key"], part["count"]

    def ids(self, keys: np.ndarray) -> np.ndarray:
        """The token ids of n-grams, int64 [number of n-grams, n]."""
        keys = np.ascontiguousarray(keys)
        words = keys.view(">u8").reshape(len(keys), -1) if keys.dtype.kind == "S" else keys[:, None]
        columns = [
            words[:, place // _PER_WORD].astype(np.int64)
            >> _BITS * (_PER_WORD - 1 - place % _PER_WORD)
            for place in range(words.shape[1] * _PER_WORD)
        ]
        ids = np.stack(columns, axis=1) & (1 << _BITS) - 1
        return ids[:, : self.length]

    def _spill(self) -> None:
        (part,) = self._parts
        path = self._directory / f"{self.length}-{self.num_runs}"
        part.tofile(path)
        self._parts = []
        self.add_run(path)

    @property
    def _dtype(self) -> np.dtype:
        return _count([np.zeros(1, np.int64)] * self.length).dtype


class _Run:
    """A run that is read from disk in blocks: `entries` are what has been read."""

    def __init__(self, path: Path, dtype: np.dtype, block: int):
        self._path, self._block, self._place = path, block, 0
        self.entries = np.empty(0, dtype)
        self._read()

    def take(self, limit: np.generic) -> np.ndarray:
        """The n-grams up to a key, which then are read no more."""
        stop = np.searchsorted(self.entries["key"], limit, side="right")
        taken, self.entries = self.entries[:stop], self.entries[stop:]
        if len(self.entries) == 0:
            self._read()
        return taken

    def _read(self) -> None:
        dtype = self.entries.dtype
        offset = self._place * dtype.itemsize
        self.entries = np.fromfile(self._path, dtype, self._block, offset=offset)
        self._place += len(self.entries)


def _count(columns: list[np.ndarray]) -> np.ndarray:
    """The n-grams, one column a place, each once and in order, and how often it occurs."""
    base = max(int(column.max()) + 1 for column in columns)
    if base ** len(columns) > _DENSE * len(columns[0]):
        return _entries(*np.unique(_pack(columns), return_counts=True))
    # Few tokens, as characters are: a table of all n-grams there could be is faster than to sort.
    shape = [base] * len(columns)
    counts = np.bincount(np.ravel_multi_index(columns, shape))
    places = np.flatnonzero(counts)
    return _entries(_pack(np.unravel_index(places, shape)), counts[places])


def _pack(columns: Sequence[np.ndarray]) -> np.ndarray:
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


def _entries(keys: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.rec.fromarrays([keys, counts], names="key,count").view(np.ndarray)


def _add_up(parts: list[np.ndarray]) -> np.ndarray:
    """Sorted parts as one, counts of equal keys added."""
    entries = np.concatenate(parts)
    entries = entries[np.argsort(entries["key"], kind="stable")]
    keys = entries["key"]
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return _entries(keys[first], np.add.reduceat(entries["count"], first))
