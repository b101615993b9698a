"""Statistics of language: which n-grams a text has, how often, and how its vocabulary grows."""

import dataclasses
import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from tfseq.analysis.statistics_counter import MAX_DISTINCT_TOKENS, NGramCounter
from tfseq.analysis.statistics_fit import PowerLaw, heaps_law, zipf_law
from tfseq.errors import InputError
from tfseq.text.counting import tokenized
from tfseq.text.tokenizers.tokenizer import Tokenizer
from tfseq.text.vocabulary import UNKNOWN

# The growth of the vocabulary is noted at so many places, evenly spread, in each decade.
_POINTS_PER_DECADE = 10


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
        num_unknown: how many are not told apart, for want of room.
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
        max_distinct: distinct tokens that are told apart, at most 2,097,151.

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
    for name, value, low, high in (
        ("max_order", max_order, 1, 5),
        ("top", top, 1, math.inf),
        ("max_tokens", 1 if max_tokens is None else max_tokens, 1, math.inf),
        ("max_entries", max_entries, 1, math.inf),
        ("max_distinct", max_distinct, 1, MAX_DISTINCT_TOKENS - 1),
    ):
        if not low <= value <= high:
            raise ValueError(f"`{name}` must be from {low} to {high}. Received: {value}.")
    numbering = _Numbering(max_distinct)
    try:
        with tempfile.TemporaryDirectory(prefix="tfseq-") as directory:
            counters = [NGramCounter(n, directory, max_entries) for n in range(1, max_order + 1)]
            for ids in _numbered(texts, tokenizer, numbering, max_tokens):
                for counter in counters:
                    counter.add(ids)
            tokens = numbering.tokens()
            ngrams = [_summed(counter, tokens, top) for counter in counters]
    except OSError as error:
        raise InputError(
            f"The temporary directory {tempfile.gettempdir()} cannot be used: "
            f"{error.strerror or error}. The variable TMPDIR names another."
        ) from error
    unknown = numbering.num_unknown
    return CorpusStatistics(
        num_tokens=numbering.num_tokens,
        num_distinct=numbering.num_distinct + bool(unknown),
        num_unknown=unknown,
        ngrams=ngrams,
        growth=numbering.growth,
        heaps=heaps_law(numbering.growth),
    )


class _Numbering:
    """Numbers tokens from 1 in the order in which they appear, and notes how they grow."""

    def __init__(self, max_distinct: int):
        self.num_tokens = self.num_unknown = 0
        self.growth: list[tuple[int, int]] = []
        self._max_distinct = max_distinct
        self._number_of: dict[bytes, int] = {}

    @property
    def num_distinct(self) -> int:
        return len(self._number_of)

    def tokens(self) -> list[bytes]:
        """The tokens by number, in UTF-8; at 0 `<unk>`."""
        return [UNKNOWN.encode(), *self._number_of]

    def number(self, distinct: np.ndarray, index: np.ndarray) -> np.ndarray:
        """The numbers of a piece's tokens.

        Args:
            distinct: its distinct tokens in the order of their first appearance.
            index: for each token its place among them.
        """
        # Where the next of the distinct tokens first appears, the greatest index so far grows.
        first = np.flatnonzero(np.diff(np.maximum.accumulate(index), prepend=-1))
        known, number_of = len(self._number_of), self._number_of
        numbers, new = np.zeros(len(first), np.int64), []
        for place, token in enumerate(distinct[: len(first)].tolist()):
            number = number_of.get(token, 0)
            if not number and len(number_of) < self._max_distinct:
                number = number_of[token] = len(number_of) + 1
                new.append(first[place])
            numbers[place] = number
        numbers = numbers[index]
        unknown = np.flatnonzero(numbers == 0)
        told_apart = self.num_unknown == 0
        if told_apart:
            end = int(unknown[0]) if len(unknown) else len(index)
            self._note_growth(known, np.array(new), end, last=len(unknown) > 0)
        self.num_unknown += len(unknown)
        self.num_tokens += len(index)
        return numbers

    def finish(self) -> None:
        """Note the last point."""
        if not self.num_unknown and (not self.growth or self.growth[-1][0] < self.num_tokens):
            self.growth.append((self.num_tokens, self.num_distinct))

    def _note_growth(self, known: int, new: np.ndarray, length: int, last: bool) -> None:
        for place in _places(self.num_tokens, self.num_tokens + length, last):
            among = int(np.searchsorted(new, place - self.num_tokens))
            self.growth.append((place, known + among))


def _places(start: int, stop: int, last: bool) -> list[int]:
    """The counts of tokens in (start, stop] at which growth is noted; `stop` too if `last`."""
    if stop <= start:
        return []
    low = math.floor(_POINTS_PER_DECADE * math.log10(max(start, 1)))
    high = math.ceil(_POINTS_PER_DECADE * math.log10(stop))
    places = {round(10 ** (step / _POINTS_PER_DECADE)) for step in range(low, high + 1)}
    return sorted(p for p in places | ({stop} if last else set()) if start < p <= stop)


def _numbered(
    texts: Iterable[str], tokenizer: Tokenizer, numbering: _Numbering, max_tokens: int | None
) -> Iterator[np.ndarray]:
    """Numbers of the tokens, piece by piece."""

    for distinct, index in tokenized(texts, tokenizer):
        if max_tokens is not None:
            index = index[: max_tokens - numbering.num_tokens]
        if len(index):
            yield numbering.number(distinct, index)
        if numbering.num_tokens == max_tokens:
            break
    numbering.finish()


def _summed(counter: NGramCounter, tokens: list[bytes], top: int) -> NGramStatistics:
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
