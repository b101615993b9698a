"""N-grams of documents: no context reaches over where one ends."""

import numpy as np
import pytest

from models import plain_ngrams
from tfseq.models import NGramModel
from tfseq.models.ngram.ngram_orders import mean_losses_by_order

END, SIZE = 2, 6
plain_of = plain_ngrams.counts_of


def documents(seed, count):
    rng = np.random.default_rng(seed)
    return [rng.integers(3, SIZE, rng.integers(1, 6)).tolist() for _ in range(count)]


def stream(texts):
    return np.array([END, *(i for text in texts for i in [*text, END])])


def counts_of(texts, length):
    """The n-grams of each document alone, between `<s>` and its end."""
    counts = plain_ngrams.Counter()
    for text in texts:
        counts += plain_of([*text, END], length)
    return counts


def continuation_counts(texts, length, order):
    """As for one text; but what begins documents occurs more than once, and keeps its counts."""
    counts = counts_of(texts, length)
    if length < order:
        begun = {gram: n for gram, n in counts.items() if gram[0] == plain_ngrams.BEGIN}
        counts = plain_ngrams.Counter(gram[1:] for gram in counts_of(texts, length + 1))
        counts.update(begun)
    return {gram: n for gram, n in counts.items() if gram != (plain_ngrams.BEGIN,)}


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("smoothing", ["kneser_ney", "laplace", "maximum_likelihood"])
def test_contexts_begin_with_the_document(order, smoothing, monkeypatch):
    monkeypatch.setattr(plain_ngrams, "counts_of", counts_of)
    monkeypatch.setattr(plain_ngrams, "continuation_counts", continuation_counts)
    texts, others = documents(0, 9), documents(1, 3)
    model = NGramModel(order, smoothing).fit(stream(texts), SIZE, end_id=END)
    expected = []
    for text in others:
        before = [plain_ngrams.BEGIN]
        for token in [*text, END]:
            plain = getattr(plain_ngrams, smoothing)
            expected.append(float(plain(texts, order, SIZE, before, token)))
            before.append(token)
    found = model.log_probabilities(stream(others)[1:], context=stream(texts))
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-9)
    if order == 3:
        after = model.probabilities([4, END])
        np.testing.assert_allclose(after, model.probabilities([END]))
        assert after.sum() == pytest.approx(1)


def test_the_losses_of_all_orders_are_those_of_the_models():
    texts, others = stream(documents(2, 60)), stream(documents(3, 9))[1:]
    losses = mean_losses_by_order(texts, others, 4, SIZE, END)
    for order, loss in enumerate(losses, start=1):
        model = NGramModel(order).fit(texts, SIZE, end_id=END)
        assert np.log(model.perplexity(others, context=texts)) == pytest.approx(loss)
