"""Statistics of language: which n-grams a text has, how often, and how its vocabulary grows."""

import dataclasses
import math
import tempfile
from collections import Counter
from collections.abc import Iterable

import numpy as np

from tfseq.analysis.ngram_counter import MAX_DISTINCT_TOKENS, NGramCounter
from tfseq.analysis.power_laws import PowerLaw, heaps_law, zipf_law
from tfseq.errors import InputError
from tfseq.text.counting import tokenized
from tfseq.text.tokenizers.tokenizer import Tokenizer
from tfseq.text.vocabulary import UNKNOWN

#: How many tokens have been read where the growth of the vocabulary is noted: ten times a decade.
NOTED = np.unique(np.round(10 ** (np.arange(150) / 10))).astype(np.int64)


@dataclasses.dataclass(frozen=True)
class NGramStatistics:
    """The n-grams of one length.

    Attributes:
        length: n.
        total: how many there are in the text.
        distinct: how many of them differ.
        most_frequent: n-grams, each a tuple of tokens, and their counts, the most frequent first;
            ties in the order in which their tokens first appear.
        frequencies: how many different n-grams occur once, twice, ...: by count, all that occur.
            Rank and frequency of every n-gram follow from it.
        zipf: the power law of frequency by rank, or None where the text is too short for one.
    """

    length: int
    total: int
    distinct: int
    most_frequent: list[tuple[tuple[str, ...], int]]
    frequencies: dict[int, int]
    zipf: PowerLaw | None


@dataclasses.dataclass(frozen=True)
class CorpusStatistics:
    """Statistics of a text.

    Attributes:
        num_tokens: how many tokens there are.
        num_distinct: how many differ, `<unk>` for the rest included.
        num_unknown: how many are counted as `<unk>`, for want of room.
        ngrams: for each length from 1.
        growth: points (tokens read, distinct tokens among them).
        heaps: the power law of distinct tokens by tokens read, or None.
    """

    num_tokens: int
    num_distinct: int
    num_unknown: int
    ngrams: list[NGramStatistics]
    growth: list[tuple[int, int]]
    heaps: PowerLaw | None


def corpus_statistics(
    texts: Iterable[str],
    tokenizer: Tokenizer,
    max_order: int = 3,
    top: int = 10,
    max_tokens: int | None = None,
    max_entries: int = 1 << 20,
    max_distinct: int = MAX_DISTINCT_TOKENS - 1,
) -> CorpusStatistics:
    """Count the tokens and n-grams of a stream of texts, in bounded memory, on every core.

    N-grams beyond `max_entries` of each length go to disk, sorted, in a temporary directory (the
    variable TMPDIR names where), and are merged at the end. Distinct tokens stay in memory; once
    there are `max_distinct`, new ones are counted as `<unk>`, and `num_unknown` says how many.

    Args:
        texts: pieces of text, such as `Corpus.chunks(tokenizer)`. N-grams reach over their ends.
        tokenizer: what splits them.
        max_order: the longest n-grams, from 1 to 5.
        top: how many of the most frequent n-grams are wanted.
        max_tokens: how many tokens to take; by default all.
        max_entries: n-grams of a length that are held in memory.
        max_distinct: distinct tokens that have counts of their own, at most 2,097,151.

    Raises:
        InputError: the temporary directory cannot be written, or what reading the texts raises.
        ValueError: an argument is out of range.

    >>> from tfseq.text import WordTokenizer
    >>> text = "to be or not to be"
    >>> statistics = corpus_statistics([text], WordTokenizer(), max_order=2, top=1)
    >>> [ngrams.most_frequent for ngrams in statistics.ngrams]
    [[(('to',), 2)], [(('to', 'be'), 2)]]
    >>> statistics.ngrams[0].frequencies
    {1: 2, 2: 2}
    """
    check_arguments(max_order, top, max_tokens, max_entries, max_distinct)
    numbering = _Numbering(max_distinct)
    try:
        with tempfile.TemporaryDirectory(prefix="tfseq-") as directory:
            counters = [NGramCounter(n, directory, max_entries) for n in range(1, max_order + 1)]
            for distinct, index in tokenized(texts, tokenizer):
                if max_tokens is not None:
                    index = index[: max_tokens - numbering.num_tokens]
                if len(index):
                    ids = numbering.number(distinct, index)
                    for counter in counters:
                        counter.add(ids)
                if numbering.num_tokens == max_tokens:
                    break
            tokens = [UNKNOWN.encode(), *numbering.number_of]
            ngrams = [summed(counter, tokens, top) for counter in counters]
    except OSError as error:
        raise InputError(
            f"The temporary directory {tempfile.gettempdir()} cannot be used: "
            f"{error.strerror or error}. Set the environment variable TMPDIR to another directory."
        ) from error
    num_distinct = len(numbering.number_of) + bool(numbering.num_unknown)
    growth = numbering.growth()
    return CorpusStatistics(
        numbering.num_tokens, num_distinct, numbering.num_unknown, ngrams, growth, heaps_law(growth)
    )


def check_arguments(
    max_order: int, top: int, max_tokens: int | None, max_entries: int, max_distinct: int
) -> None:
    """Raise ValueError where an argument of `corpus_statistics` is out of range."""
    for name, value, low, high in (
        ("max_order", max_order, 1, 5),
        ("top", top, 1, math.inf),
        ("max_tokens", 1 if max_tokens is None else max_tokens, 1, math.inf),
        ("max_entries", max_entries, 1, math.inf),
        ("max_distinct", max_distinct, 1, MAX_DISTINCT_TOKENS - 1),
    ):
        if not low <= value <= high:
            raise ValueError(f"`{name}` must be from {low} to {high}. Received: {value}.")


class _Numbering:
    """Numbers tokens from 1 in the order in which they appear; 0 are those beyond the cap."""

    def __init__(self, max_distinct: int):
        self.num_tokens = self.num_unknown = 0
        self.number_of: dict[bytes, int] = {}
        self._max_distinct = max_distinct
        # Tokens before the first unknown one. From there on, nothing is known of growth.
        self._num_before = 0
        self._growth: list[tuple[int, int]] = []

    def number(self, distinct: np.ndarray, index: np.ndarray) -> np.ndarray:
        """The numbers of a piece's tokens, `index` being the place of each among the `distinct`,
        which are in the order of their first appearance."""
        known, number_of = len(self.number_of), self.number_of
        # Those that come later were cut off with the tokens that they stand for.
        for token in distinct[: index.max() + 1].tolist():
            if len(number_of) < self._max_distinct:
                number_of.setdefault(token, len(number_of) + 1)
        numbers = np.array([number_of.get(token, 0) for token in distinct.tolist()])[index]
        unknown = np.flatnonzero(numbers == 0)
        if not self.num_unknown:
            before = numbers[: unknown[0] if len(unknown) else None]
            self._num_before += len(before)
            first, end = np.searchsorted(NOTED, [self.num_tokens, self._num_before], side="right")
            places = NOTED[first:end]
            # The greatest number so far is how many tokens there are.
            so_far = np.maximum.accumulate(np.append(known, before))[places - self.num_tokens]
            self._growth += zip(places.tolist(), so_far.tolist(), strict=True)
        self.num_unknown += len(unknown)
        self.num_tokens += len(index)
        return numbers

    def growth(self) -> list[tuple[int, int]]:
        """Points (tokens read, distinct tokens among them), the last one too."""
        last = (self._num_before, len(self.number_of))
        return sorted({*self._growth, last} - {(0, 0)})


def summed(counter: NGramCounter, tokens: list[bytes], top: int) -> NGramStatistics:
    """What is kept of the n-grams of a length."""
    total = distinct = 0
    frequencies = Counter()
    best: list[tuple[tuple[str, ...], int]] = []
    for keys, counts in counter.merged():
        total += int(counts.sum())
        distinct += len(keys)
        values, numbers = np.unique(counts, return_counts=True)
        frequencies.update(dict(zip(values.tolist(), numbers.tolist(), strict=True)))
        order = np.argsort(-counts, kind="stable")[:top]
        found = [
            tuple(tokens[i].decode() for i in ids) for ids in counter.ids(keys[order]).tolist()
        ]
        best += zip(found, counts[order].tolist(), strict=True)
        best = sorted(best, key=lambda entry: -entry[1])[:top]
    frequencies = dict(sorted(frequencies.items()))
    return NGramStatistics(
        counter.length, total, distinct, best, frequencies, zipf_law(frequencies)
    )
