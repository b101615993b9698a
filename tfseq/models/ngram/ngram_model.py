"""A language model that counts."""

import os
from collections.abc import Sequence

import numpy as np

from tfseq.models.ngram.ngram_counts import (
    NGramCounts,
    as_ids,
    count_ngrams,
    load_counts,
    save_counts,
)
from tfseq.models.ngram.ngram_weights import (
    NGramWeights,
    kneser_ney_discounts,
    kneser_ney_weights,
    laplace_weights,
    maximum_likelihood_weights,
)
from tfseq.options.rules import CountOrZero, NonNegativeFloat, PositiveFloat, PositiveInt, checked

SMOOTHINGS = ("kneser_ney", "laplace", "maximum_likelihood")

# Tokens that are looked up at a time, so that memory does not grow with a text that is measured.
_BLOCK_TOKENS = 1 << 18


class NGramModel:
    """Predicts each token from the n - 1 before it, by counts: a Markov model of order n - 1.

    With N(c w) the number of times that w follows the context c, V the number of ids, and c' the
    context without its first token:

    - `maximum_likelihood`: p(w | c) = N(c w) / N(c ·). A context that does not occur is cut from
      the left until it does. What never followed has probability 0.
    - `laplace`: p(w | c) = (N(c w) + a) / (N(c ·) + a V), a being `pseudocount`.
    - `kneser_ney`: p(w | c) = (k(c w) - D(k(c w))) / k(c ·) + rest(c) p(w | c'), modified
      Kneser-Ney smoothing, interpolated, down to 1 / V. For the longest n-grams k is N; for
      shorter ones it is the number of different tokens that stand before them.

    Args:
        order: n, the tokens of an n-gram; 1 has no context.
        smoothing: `kneser_ney`, `laplace` or `maximum_likelihood`.
        pseudocount: what `laplace` adds to every count.

    Attributes:
        vocabulary_size: V; None before `fit`.
        discounts: D of k = 1, 2, and 3 or more, float64 [order, 3], from the counts of counts of
            each length.
        fallback_lengths: the lengths whose discounts are 0.5, 1 and 1.5 because those are zero, as
            with characters.

    Source: Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling",
    Computer Speech and Language 13 (1999). The start of the text is treated as KenLM does.

    Example:

    >>> ids = np.array([1, 2, 1, 2, 1, 3])
    >>> model = NGramModel(order=2, smoothing="laplace").fit(ids, vocabulary_size=4)
    >>> model.probabilities([1]).round(3).tolist()
    [0.143, 0.143, 0.429, 0.286]
    >>> model = NGramModel(order=2, smoothing="maximum_likelihood").fit(ids, vocabulary_size=4)
    >>> round(model.perplexity(ids), 3)
    1.543
    """

    def __init__(self, order: int = 5, smoothing: str = "kneser_ney", pseudocount: float = 1.0):
        if smoothing not in SMOOTHINGS:
            raise ValueError(
                f"`smoothing` must be one of {', '.join(SMOOTHINGS)}. Received: {smoothing!r}."
            )
        self.order = checked("order", order, PositiveInt)
        self.smoothing = smoothing
        self.pseudocount = float(checked("pseudocount", pseudocount, PositiveFloat))
        self.discounts: np.ndarray | None = None
        self.fallback_lengths: tuple[int, ...] = ()
        self._counts: NGramCounts | None = None
        self._weights: NGramWeights | None = None

    def get_config(self) -> dict[str, int | str | float]:
        """The constructor's arguments."""
        names = ("order", "smoothing", "pseudocount")
        return {name: getattr(self, name) for name in names}

    @property
    def vocabulary_size(self) -> int | None:
        return None if self._counts is None else self._counts.vocabulary_size

    def fit(
        self,
        ids: np.ndarray | Sequence[int],
        vocabulary_size: int | None = None,
        end_id: int | None = None,
    ) -> "NGramModel":
        """Count a text, in place of any that was counted before, and return the model.

        Memory is about 40 bytes a token for each length. V, `vocabulary_size`, is more than every
        id; by default it is the greatest id and one. With `end_id`, the text is documents, each of
        which has that id before and after it: contexts do not reach over it.
        """
        ids = as_ids(ids, vocabulary_size)
        if len(ids) == 0:
            raise ValueError("`ids` must have at least one token. Received: none.")
        size = int(ids.max()) + 1 if vocabulary_size is None else int(vocabulary_size)
        self._use(count_ngrams(ids, self.order, size, end_id))
        return self

    def log_probabilities(
        self, ids: np.ndarray | Sequence[int], context: np.ndarray | Sequence[int] = ()
    ) -> np.ndarray:
        """The natural logarithm of each token's probability after those before it, float64 [N].

        Of the ids that stand before them, `context`, the last n - 1 count. Without it the first
        tokens are predicted from fewer tokens than the others.
        """
        counts = self._fitted()
        ids = as_ids(ids, counts.vocabulary_size)
        before = as_ids(context, counts.vocabulary_size)
        reach = self.order - 1
        before = before[max(0, len(before) - reach) :].astype(np.int64)
        result = np.empty(len(ids))
        for start in range(0, len(ids), _BLOCK_TOKENS):
            block = ids[start : start + _BLOCK_TOKENS].astype(np.int64)
            text = np.concatenate([before, block])
            with np.errstate(divide="ignore"):
                result[start : start + len(block)] = np.log(self._chain(text)[len(before) :])
            before = text[max(0, len(text) - reach) :]
        return result

    def perplexity(
        self, ids: np.ndarray | Sequence[int], context: np.ndarray | Sequence[int] = ()
    ) -> float:
        """exp of the mean of -log p over all ids; the arguments are `log_probabilities`'s."""
        log_probabilities = self.log_probabilities(ids, context)
        if len(log_probabilities) == 0:
            raise ValueError("`ids` must have at least one token. Received: none.")
        return float(np.exp(-log_probabilities.mean()))

    def probabilities(self, context: np.ndarray | Sequence[int] = ()) -> np.ndarray:
        """The probability of every id after a context, of which the last n - 1 ids count."""
        counts, weights = self._fitted(), self._weights
        context = as_ids(context, counts.vocabulary_size).astype(np.int64)
        context = context[max(0, len(context) - self.order + 1) :]
        context = context[np.flatnonzero(context == counts.end_id).max(initial=0) :]
        size = counts.vocabulary_size
        uniform = np.full(size, 1 / size)
        result = weights.own[0][:size] + weights.rest[0][0] * uniform
        for length in range(2, len(context) + 2):
            number = self._number(context[len(context) - length + 1 :])
            lower = uniform if weights.uniform_rest else result
            found = counts.find(length, number, np.arange(size))
            result = weights.own[length - 1][found] + weights.rest[length - 1][number] * lower
        return result

    def sample(
        self,
        num_tokens: int,
        context: np.ndarray | Sequence[int] = (),
        seed: int = 0,
        temperature: float = 1.0,
        allow_unknown: bool = False,
    ) -> np.ndarray:
        """Draw tokens one after the other, each from the probabilities after those before it.

        Args:
            num_tokens: how many.
            context: ids that stand before.
            seed: the same seed draws the same tokens.
            temperature: low is careful, high is wild; 0 always takes the most probable token.
            allow_unknown: whether id 0, `<unk>`, may be drawn.
        """
        counts = self._fitted()
        checked("num_tokens", num_tokens, CountOrZero)
        checked("temperature", temperature, NonNegativeFloat)
        chance = np.random.default_rng(seed)
        text = list(as_ids(context, counts.vocabulary_size).tolist())
        start = len(text)
        for _ in range(num_tokens):
            probabilities = self.probabilities(text[max(0, len(text) - self.order + 1) :])
            if not allow_unknown:
                probabilities[0] = 0.0
            text.append(_draw(probabilities, temperature, chance))
        return np.array(text[start:], np.int64)

    def save(self, path: str | os.PathLike) -> None:
        """Write the model as one file, whole or not at all."""
        save_counts(path, self._fitted(), self.get_config())

    @classmethod
    def load(cls, path: str | os.PathLike) -> "NGramModel":
        """Read a model that `save` wrote; an `InputError` if the file cannot be read or is none."""
        counts, config = load_counts(path)
        model = cls(**config)
        model._use(counts)
        return model

    def __repr__(self) -> str:
        return f"NGramModel(order={self.order}, smoothing={self.smoothing!r})"

    def _use(self, counts: NGramCounts) -> None:
        self._counts = counts
        self.discounts, self.fallback_lengths = None, ()
        if self.smoothing == "kneser_ney":
            self.discounts, fallback = kneser_ney_discounts(counts)
            self.fallback_lengths = tuple(fallback)
            self._weights = kneser_ney_weights(counts, self.discounts)
        elif self.smoothing == "laplace":
            self._weights = laplace_weights(counts, self.pseudocount)
        else:
            self._weights = maximum_likelihood_weights(counts)

    def _fitted(self) -> NGramCounts:
        if self._counts is None:
            raise ValueError("The model has counted no text yet: call `fit` first.")
        return self._counts

    def _chain(self, text: np.ndarray) -> np.ndarray:
        """The probability of every token of a text after those before it."""
        counts, weights = self._counts, self._weights
        uniform = 1 / counts.vocabulary_size
        result = weights.own[0][text] + weights.rest[0][0] * uniform
        numbers, crossing = text, np.zeros(max(0, len(text) - 1), bool)
        for length in range(2, min(self.order, len(text)) + 1):
            contexts = numbers[:-1]
            numbers = counts.find(length, contexts, text[length - 1 :])
            lower = uniform if weights.uniform_rest else result[length - 1 :]
            longer = weights.own[length - 1][numbers] + weights.rest[length - 1][contexts] * lower
            if counts.end_id is not None and length > 2:
                # Where an end stands in the context, but for its first token.
                crossing = crossing[:-1] | (text[length - 2 : -1] == counts.end_id)
                longer = np.where(crossing, result[length - 1 :], longer)
            result[length - 1 :] = longer
        return result

    def _number(self, tokens: np.ndarray) -> int:
        """The number of an n-gram, or -1."""
        number = tokens[:1]
        for length in range(2, len(tokens) + 1):
            number = self._counts.find(length, number, tokens[length - 1 : length])
        return int(number[0])


def _draw(probabilities: np.ndarray, temperature: float, chance: np.random.Generator) -> int:
    """One id, by its probability to the power of 1 / temperature."""
    if probabilities.max() <= 0:
        raise ValueError("Only `<unk>` can follow. Set `allow_unknown`, or use smoothing.")
    if temperature == 0:
        return int(np.argmax(probabilities))
    # The greatest is 1, so that no power of a small one makes all of them vanish.
    steps = np.cumsum((probabilities / probabilities.max()) ** (1 / temperature))
    return int(np.searchsorted(steps, chance.random() * steps[-1], side="right"))
