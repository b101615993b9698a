"""Statistics of language, counted by the tasks of a cluster: the same as in one process."""

import functools
import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfseq.analysis.ngram_counter import MAX_DISTINCT_TOKENS, NGramCounter
from tfseq.analysis.ngram_statistics import (
    NOTED,
    CorpusStatistics,
    check_arguments,
    corpus_statistics,
    summed,
)
from tfseq.analysis.piece_statistics import (
    NUMBERED,
    count_ngrams,
    first_places,
    merge_runs,
)
from tfseq.analysis.power_laws import heaps_law
from tfseq.cluster.tasks import TaskRunner, numbered_groups
from tfseq.cluster.text.stage_progress import StageProgress
from tfseq.cluster.text.text_sample import pieces_of
from tfseq.cluster.text.text_stage import PIECE_BYTES
from tfseq.data.pieces.piece_encoding import EncodingJob, Piece, number_piece
from tfseq.files.store import Store
from tfseq.files.temporary_place import temporary_place
from tfseq.text import Corpus, Tokenizer
from tfseq.text.vocabulary import UNKNOWN

# Files that a task merges.
_MERGED = 16


def statistics_on(
    runner: TaskRunner,
    work: Store,
    corpus: Corpus,
    tokenizer: Tokenizer,
    max_order: int = 3,
    top: int = 10,
    max_tokens: int | None = None,
    max_entries: int = 1 << 20,
    max_distinct: int = MAX_DISTINCT_TOKENS - 1,
    piece_bytes: int = PIECE_BYTES,
    progress: StageProgress | None = None,
) -> CorpusStatistics:
    """What `corpus_statistics` gives of a corpus, counted by tasks.

    Args:
        runner: what does the tasks.
        work: where every process reads and writes; it is removed in the end.
        corpus, tokenizer: the text, and what splits it.
        max_order, top, max_tokens, max_entries, max_distinct: as `corpus_statistics` has them.
        piece_bytes: bytes of the files that a task reads, about.
        progress: is told how far the work is.
    """
    limits = max_order, top, max_tokens, max_entries, max_distinct
    check_arguments(*limits)
    counting = functools.partial(corpus_statistics, corpus.chunks(tokenizer), tokenizer, *limits)
    if corpus.source is None:
        return counting()
    progress = progress or StageProgress()
    job = EncodingJob(corpus.source, tokenizer.get_config(), work)

    def tasks(stage: str, function: Callable, items: Sequence[Any]) -> list[Any]:
        progress.begin(stage, len(items))
        results = runner.map(function, items, lambda number, result: progress.done())
        progress.end()
        return results

    try:
        pieces = pieces_of(corpus.source, piece_bytes)
        sizes = tasks("tokenize", functools.partial(number_piece, job), pieces)
        if None in sizes:
            return counting()
        total = sum(sizes) if max_tokens is None else min(sum(sizes), max_tokens)
        starts = itertools.accumulate(sizes, initial=0)
        placed = [
            (piece, min(size, total - start), start)
            for piece, size, start in zip(pieces, sizes, starts, strict=False)
            if size and start < total
        ]
        first = _first(job, tasks, placed)
        ordered = sorted(first, key=first.__getitem__)
        tokens = ordered[:max_distinct]
        # Before the first token that has no number of its own.
        num_before = first[ordered[max_distinct]] if len(ordered) > max_distinct else total
        with work.writing(NUMBERED) as path:
            path.write_text(json.dumps(tokens, ensure_ascii=False), encoding="utf-8")
        names = _count(job, tasks, placed, max_order, max_entries)
        num_unknown = _times(work, names[0], 0)
        in_bytes = [UNKNOWN.encode(), *(token.encode() for token in tokens)]
        ngrams = []
        for length, name in enumerate(names, start=1):
            with temporary_place() as directory:
                counter = NGramCounter(length, directory, max_entries)
                if name is None:
                    ngrams.append(summed(counter, in_bytes, top))
                    continue
                with work.reading(name) as path:
                    counter.add_run(path)
                    ngrams.append(summed(counter, in_bytes, top))
    finally:
        work.remove()
    places = np.sort([first[token] for token in tokens])
    noted = NOTED[num_before >= NOTED]
    so_far = np.searchsorted(places, noted, side="left").tolist()
    last = (num_before, len(tokens))
    growth = sorted({*zip(noted.tolist(), so_far, strict=True), last} - {(0, 0)})
    return CorpusStatistics(
        total, len(tokens) + bool(num_unknown), num_unknown, ngrams, growth, heaps_law(growth)
    )


def _first(job: EncodingJob, tasks: Callable, placed: Sequence[Any]) -> dict[str, int]:
    """Where each token comes first in the text: minima of minima of minima."""
    groups: list[Any] = [(group, []) for group in numbered_groups(placed, _MERGED)]
    while groups:
        names = tasks("order", functools.partial(_first_of_group, job), groups)
        if len(names) == 1:
            return job.read_json(names[0])
        groups = [([], group) for group in numbered_groups(names, _MERGED)]
    return {}


def _count(
    job: EncodingJob, tasks: Callable, placed: Sequence[Any], max_order: int, max_entries: int
) -> list[str | None]:
    """The run of all n-grams of each length."""
    items = []
    for number, (piece, size, _) in enumerate(placed):
        before: list[tuple[Piece, int]] = []
        needed, other = max_order - 1, number - 1
        while needed > 0 and other >= 0:
            before.insert(0, placed[other][:2])
            needed, other = needed - placed[other][1], other - 1
        items.append((piece, size, before))
    count = functools.partial(count_ngrams, job, max_order, max_entries)
    by_length = [*map(list, zip(*tasks("count", count, items), strict=True))]
    while by_length and len(by_length[0]) > 1:
        groups = [
            (length, group)
            for length, names in enumerate(by_length, start=1)
            for group in numbered_groups(names, _MERGED)
        ]
        merged = tasks("merge", functools.partial(merge_runs, job, max_entries), groups)
        by_length = [[] for _ in by_length]
        for (length, _), name in zip(groups, merged, strict=True):
            by_length[length - 1].append(name)
    return [names[0] for names in by_length] or [None] * max_order


def _first_of_group(job: EncodingJob, group: tuple[Any, Any]) -> str:
    return first_places(job, *group)


def _times(work: Store, name: str | None, number: int) -> int:
    """How often a token occurs, by the run of single tokens."""
    if name is None:
        return 0
    with temporary_place() as directory, work.reading(name) as path:
        counter = NGramCounter(1, directory)
        counter.add_run(path)
        for keys, counts in counter.merged():
            return int(counts[counter.ids(keys)[:, 0] == number].sum())  # It is among the first.
    return 0
