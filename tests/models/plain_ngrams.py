"""N-gram models written down as the formulas are, with dictionaries and fractions."""

from collections import Counter
from fractions import Fraction

BEGIN = "<s>"


def counts_of(ids, length):
    text = [BEGIN, *ids]
    return Counter(tuple(text[i : i + length]) for i in range(len(text) - length + 1))


def maximum_likelihood(ids, order, size, context, token):
    context = tuple(context[max(0, len(context) - order + 1) :]) if order > 1 else ()
    while True:
        counts = counts_of(ids, len(context) + 1)
        total = sum(counts[(*context, w)] for w in range(size))
        if total:
            return Fraction(counts[(*context, token)], total)
        context = context[1:]


def laplace(ids, order, size, context, token):
    context = tuple(context[max(0, len(context) - order + 1) :]) if order > 1 else ()
    counts = counts_of(ids, len(context) + 1)
    total = sum(counts[(*context, w)] for w in range(size))
    return Fraction(counts[(*context, token)] + 1, total + size)


def continuation_counts(ids, length, order):
    """Chen and Goodman's modified counts, equation 17 and what follows it."""
    counts = counts_of(ids, length)
    if length == order:
        result = counts
    else:
        longer = counts_of(ids, length + 1)
        result = Counter(gram[1:] for gram in longer)
        result.update({gram: 1 for gram in counts if gram[0] == BEGIN})
    return {gram: count for gram, count in result.items() if gram != (BEGIN,)}


def discounts(counts):
    n = Counter(counts.values())
    if 0 in (n[1], n[2], n[3]):
        return [0, Fraction(1, 2), 1, Fraction(3, 2)]
    y = Fraction(n[1], n[1] + 2 * n[2])
    own = [k - (k + 1) * y * Fraction(n[k + 1], n[k]) for k in (1, 2, 3)]
    return [0, *own] if min(own) > 0 else [0, Fraction(1, 2), 1, Fraction(3, 2)]


def kneser_ney(ids, order, size, context, token):
    context = tuple(context[max(0, len(context) - order + 1) :]) if order > 1 else ()
    lower = kneser_ney(ids, order, size, context[1:], token) if context else Fraction(1, size)
    counts = continuation_counts(ids, len(context) + 1, order)
    amount = discounts(counts)
    followers = [count for gram, count in counts.items() if gram[:-1] == context]
    if not followers:
        return lower
    count = counts.get((*context, token), 0)
    aside = sum(amount[min(c, 3)] for c in followers)
    return (count - amount[min(count, 3)] + aside * lower) / sum(followers)
