"""How many tokens the n-grams of a text should have."""

import numpy as np

from tfseq.models.ngram.ngram_counts import count_ngrams
from tfseq.models.ngram.ngram_weights import kneser_ney_discounts, kneser_ney_weights


def mean_losses_by_order(
    ids: np.ndarray,
    held_out: np.ndarray,
    max_order: int,
    vocabulary_size: int,
    end_id: int | None = None,
) -> np.ndarray:
    """−log p of the tokens that follow a text, for the model of each order, from one count.

    The `NGramModel` of order n, with Kneser-Ney smoothing, counts n-grams as they occur, and
    shorter ones by the tokens that stand before them. So those of all orders share the shorter
    ones:

        p_n(w | c) = own_n(c w) + rest_n(c) q_{n-1}(w | c'),
        q_n(w | c) = own'_n(c w) + rest'_n(c) q_{n-1}(w | c'),  q_0 = 1 / V,

    own_n and rest_n being from counts of occurrences, own'_n and rest'_n from continuation counts.

    Args:
        ids: token ids, integers `[N]`, at least one.
        held_out: those that follow, integers `[M]`, at least one.
        max_order: the greatest n.
        vocabulary_size: V.
        end_id: the id that stands after each document, if the text is documents.

    Returns:
        Nats per token for n = 1, 2, ..., `max_order`, float64.

    >>> mean_losses_by_order(np.array([1, 2] * 9), np.array([1, 2]), 2, 3).round(2).tolist()
    [0.75, 0.11]
    """
    counts = count_ngrams(ids, max_order, vocabulary_size, end_id)
    shared = kneser_ney_weights(counts, kneser_ney_discounts(counts)[0])
    occurrences = counts.counts
    longest = kneser_ney_weights(
        counts, kneser_ney_discounts(counts, occurrences)[0], adjusted=occurrences
    )
    before = ids[max(0, len(ids) - max_order + 1) :]
    text = np.concatenate([before, held_out]).astype(np.int64)
    lower = np.full(len(text), 1 / vocabulary_size)
    numbers, contexts = text, np.zeros(len(text), np.int64)
    losses = []
    for place in range(max_order):
        if place:
            contexts = numbers[:-1]
            numbers = counts.find(place + 1, contexts, text[place:])
        rows = slice(place, None)
        best = lower.copy()
        for weights, result in ((longest, best), (shared, lower)):
            own, rest = weights.own[place][numbers], weights.rest[place][contexts]
            result[rows] = own + rest * lower[rows]
        losses.append(-np.log(best[len(before) :]).mean())
    return np.array(losses)
