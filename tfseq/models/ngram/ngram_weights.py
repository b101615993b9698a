"""Counts of n-grams turned into weights whose sums are probabilities."""

import dataclasses

import numpy as np

from tfseq.models.ngram.ngram_counts import NGramCounts

# Where the counts of counts give no discounts, as with few distinct tokens: those that KenLM
# takes with `--discount_fallback`.
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)


@dataclasses.dataclass(frozen=True, eq=False)
class NGramWeights:
    """The probability of a token w after a context c of n - 1 tokens, as

        p(w | c) = own(c w) + rest(c) * lower(w | c)

    where `lower` is the probability after the context without its first token, or 1 / V.

    Attributes:
        own: for each length, a weight for each n-gram, then 0: the weight at place -1, that of
            n-grams that do not occur.
        rest: for each length n, a weight for each n-gram of length n - 1 as a context, then 1:
            that of contexts that do not occur. For n = 1 there is one context, the empty one.
        uniform_rest: whether `lower` is 1 / V for every length, not for single tokens alone.
    """

    own: list[np.ndarray]
    rest: list[np.ndarray]
    uniform_rest: bool


def maximum_likelihood_weights(counts: NGramCounts) -> NGramWeights:
    """p(w | c) = count(c w) / count(c ·); the longest context that occurs decides alone."""
    none = [np.zeros(len(count)) for count in counts.counts]
    return _weights(counts, counts.counts, none, added=0.0, uniform_rest=False)


def laplace_weights(counts: NGramCounts, pseudocount: float) -> NGramWeights:
    """p(w | c) = (count(c w) + a) / (count(c ·) + a V)."""
    none = [np.zeros(len(count)) for count in counts.counts]
    added = pseudocount * counts.vocabulary_size
    return _weights(counts, counts.counts, none, added=added, uniform_rest=True)


def kneser_ney_weights(
    counts: NGramCounts, discounts: np.ndarray, adjusted: list[np.ndarray] | None = None
) -> NGramWeights:
    """p(w | c) = (k(c w) - D(k)) / k(c ·) + (sum over v of D(k(c v))) / k(c ·) * lower(w | c),
    k being `adjusted`, by default the `continuation_counts`, and D the discount of a count of 1, 2,
    and 3 or more."""
    adjusted = counts.continuation_counts() if adjusted is None else adjusted
    discounted = [
        np.concatenate([[0.0], discounts[place]])[np.minimum(count, 3)]
        for place, count in enumerate(adjusted)
    ]
    return _weights(counts, adjusted, discounted, added=0.0, uniform_rest=False)


def kneser_ney_discounts(
    counts: NGramCounts, adjusted: list[np.ndarray] | None = None
) -> tuple[np.ndarray, list[int]]:
    """The discounts of modified Kneser-Ney smoothing, and where they are not the text's own.

    With n_k the number of n-grams that count k, y = n_1 / (n_1 + 2 n_2) and
    D_k = k - (k + 1) y n_{k+1} / n_k for k = 1, 2 and 3 (Chen and Goodman 1999, equation 26). If
    n_1, n_2 or n_3 is 0, or a discount is not above 0, `FALLBACK_DISCOUNTS` stand in for all three.
    So every probability is above 0. The counts are `adjusted`, by default the
    `continuation_counts`.

    Returns:
        Discounts, float64 [order, 3], and the lengths whose discounts are the fallback.
    """
    adjusted = counts.continuation_counts() if adjusted is None else adjusted
    discounts, fallback = [], []
    for place, count in enumerate(adjusted):
        _, n1, n2, n3, n4 = np.bincount(np.minimum(count, 5), minlength=6)[:5].tolist()
        own = None
        if n1 and n2 and n3:
            y = n1 / (n1 + 2 * n2)
            own = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        if own is None or min(own) <= 0:
            own = FALLBACK_DISCOUNTS
            fallback.append(place + 1)
        discounts.append(own)
    return np.array(discounts), fallback


def _weights(
    counts: NGramCounts,
    used: list[np.ndarray],
    discounted: list[np.ndarray],
    added: float,
    uniform_rest: bool,
) -> NGramWeights:
    """Divide what is left of each count, and what is put aside, by the sum for the context."""
    own, rest = [], []
    for place, (count, discount) in enumerate(zip(used, discounted, strict=True)):
        if place == 0:
            contexts, size = np.zeros(len(count), np.int64), 1
        else:
            contexts, size = counts.contexts(place + 1), len(used[place - 1])
        total = np.bincount(contexts, count, minlength=size)
        aside = np.bincount(contexts, discount, minlength=size) + added
        # The end of the text has no continuation: it is no context.
        occurs = total > 0
        total = np.where(occurs, total + added, 1.0)
        own.append(np.append((count - discount) / total[contexts], 0.0))
        rest.append(np.append(np.where(occurs, aside / total, 1.0), 1.0))
    return NGramWeights(own, rest, uniform_rest)
