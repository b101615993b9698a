"""The neural cache against its equations, a token at a time."""

import numpy as np
import pytest

from tfseq.models import LanguageModel
from tfseq.tasks.language_model.evaluation import Evaluator
from tfseq.tasks.language_model.evaluation import neural_cache as module
from tfseq.tasks.language_model.evaluation.neural_cache import CacheEvaluator

V = 7
IDS = np.random.default_rng(0).integers(0, V, 40).astype("uint8")


@pytest.fixture(scope="module")
def model():
    model = LanguageModel(V, cell="lstm", units=5, num_layers=2)
    rng = np.random.default_rng(4)
    model.set_weights([rng.normal(scale=0.8, size=w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def steps(model):
    """Logits and hidden state after each id but the last, a token at a time."""
    states, found = model.initial_states(1), []
    for token in IDS[:-1]:
        h, states = model.step_hidden(np.array([token], "int32"), states)
        found.append([np.asarray(x, "float64")[0] for x in (model.logits(h), h)])
    return found


def plain(steps, ids, size, flatness, weight):
    """−log p of each id but the first."""
    pairs, losses = [], []
    for (logits, h), after in zip(steps, ids[1:], strict=True):
        p = np.exp(logits) / np.exp(logits).sum()
        if pairs:
            cached = np.zeros(V)
            for state, token in pairs[-size:]:
                cached[token] += np.exp(flatness * h @ state)
            p = (1 - weight) * p + weight * cached / cached.sum()
        losses.append(-np.log(p[after]))
        pairs.append((h, after))
    return losses


@pytest.mark.parametrize("size", [1, 5, 100])
def test_it_is_the_loop_of_the_equations(model, steps, monkeypatch, size):
    """In windows of 8, so that the cache reaches back over several, or over a part of one."""
    monkeypatch.setattr(module, "_STEPS", 8)
    evaluate = CacheEvaluator(model, size)
    for flatness, weight in ((0.7, 0.2), (0.0, 0.9)):
        result = evaluate(IDS, flatness=flatness, weight=weight)
        expected = np.mean(plain(steps, IDS, size, flatness, weight))
        assert result.num_tokens == 39
        assert result.mean_cross_entropy == pytest.approx(expected, rel=1e-5)


def test_without_weight_it_is_the_static_figure(model):
    evaluate = CacheEvaluator(model, 10)
    for context in (None, 3):
        result = evaluate(IDS, context, flatness=0.5, weight=0.0)
        static = Evaluator(model)(IDS, context)
        assert result.num_tokens == static.num_tokens
        assert result.mean_cross_entropy == pytest.approx(static.mean_cross_entropy, rel=1e-6)
