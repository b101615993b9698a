"""Statistics of a text in pieces: parts of `corpus_statistics` that any process can do, and do
again. Each is written whole or not at all, under a name that says what it is."""

import functools
import itertools
import json
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from tfseq.analysis.ngram_counter import NGramCounter
from tfseq.data.pieces.piece_encoding import EncodingJob, Piece, digest_of_parts, numbered
from tfseq.files.store import Store
from tfseq.files.temporary_place import temporary_place

#: The file of the tokens that have numbers, in the order of their numbers.
NUMBERED = "numbered.json"

# A piece, how many of its tokens count, and the number of the first one in the text.
Placed = tuple[Piece, int, int]


def first_places(job: EncodingJob, placed: Sequence[Placed], known: Sequence[str]) -> str:
    """Where in the text each token of pieces comes first, and of what this function has written.

    Returns:
        The name of the file.
    """
    name = f"{digest_of_parts([*placed, *known])}.first"
    if job.work.exists(name):
        return name
    first: dict[str, int] = {}
    for piece, size, position in placed:
        with numbered(job, piece) as tokens:
            places = _first_of_numbers(tokens.read(size))
            for token, place in zip(tokens.distinct, places, strict=False):
                first.setdefault(token.decode(), position + place)
    for other in known:
        for token, place in job.read_json(other).items():
            first[token] = min(place, first.get(token, place))
    job.write_json(name, first)
    return name


def count_ngrams(
    job: EncodingJob,
    max_order: int,
    max_entries: int,
    placed: tuple[Piece, int, Sequence[tuple[Piece, int]]],
) -> list[str]:
    """Count the n-grams that end in a piece.

    Args:
        job: the job; its `NUMBERED` is there.
        max_order: the longest n-grams.
        max_entries: n-grams of a length that are held in memory.
        placed: the piece, how many of its tokens count, and the pieces before it, with as many of
            their tokens, of which the last are needed.

    Returns:
        The names of the runs, one for each length from 1.
    """
    piece, size, before = placed
    digest = digest_of_parts([piece, size, max_order])
    names = [f"{digest}-{length}.run" for length in range(1, max_order + 1)]
    if all(map(job.work.exists, names)):
        return names
    number_of = _number_of(job.work.place)
    context = np.empty(0, np.int64)
    for other, other_size in before:
        context = np.concatenate([context, *_ids(job, other, other_size, number_of, max_order - 1)])
    with temporary_place() as directory:
        counters = [NGramCounter(n, directory, max_entries) for n in range(1, max_order + 1)]
        for counter in counters:
            counter.begin_after(context)
        for ids in _ids(job, piece, size, number_of):
            for counter in counters:
                counter.add(ids)
        for counter, name in zip(counters, names, strict=True):
            with job.work.writing(name) as path:
                counter.write_run(path)
    return names


def merge_runs(job: EncodingJob, max_entries: int, group: tuple[int, Sequence[str]]) -> str:
    """Add up runs of n-grams of one length, a block of each at a time."""
    length, names = group
    name = f"{digest_of_parts(names)}.run"
    if not job.work.exists(name):
        with ExitStack() as stack:
            directory = stack.enter_context(temporary_place())
            counter = NGramCounter(length, directory, max_entries)
            for run in names:
                counter.add_run(stack.enter_context(job.work.reading(run)))
            with job.work.writing(name) as path:
                counter.write_run(path)
    return name


def _first_of_numbers(pieces) -> list[int]:
    """Where each number comes first, of numbers that are given in the order of appearance."""
    places, known, position = [], -1, 0
    for numbers in pieces:
        highest = np.maximum.accumulate(np.append(known, numbers.astype(np.int64)))
        places += (position + np.flatnonzero(np.diff(highest))).tolist()
        known, position = int(highest[-1]), position + len(numbers)
    return places


def _ids(job, piece: Piece, size: int, number_of, last: int | None = None):
    """The numbers in the text of a piece's tokens: those of all, or of the last ones."""
    with numbered(job, piece) as tokens:
        ids = np.array([number_of.get(token.decode(), 0) for token in tokens.distinct], np.int64)
        start = 0 if last is None else max(0, size - last)
        for numbers in tokens.read(size, start):
            yield ids[numbers]


@functools.lru_cache(1)
def _number_of(place: str) -> dict[str, int]:
    with Store(place).reading(NUMBERED) as path:
        return dict(zip(json.loads(path.read_bytes()), itertools.count(1)))
