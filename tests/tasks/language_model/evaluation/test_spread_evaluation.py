"""Rows of a text that several share: the figures of one process, in whatever order parts end."""

import random

import numpy as np
import pytest

from tfseq.cluster.where import HERE, Where
from tfseq.errors import InputError
from tfseq.models import LanguageModel
from tfseq.tasks.language_model.evaluation import evaluator as module
from tfseq.tasks.language_model.evaluation import spread_evaluation
from tfseq.tasks.language_model.evaluation.spread_evaluation import evaluate_text

IDS = np.random.default_rng(0).integers(0, 8, 900).astype("uint8")


class Holder:
    """A task as far as an evaluation sees it."""

    def __init__(self, **options):
        self.model = LanguageModel(8, units=5, **options)
        rng = np.random.default_rng(4)
        weights = self.model.get_weights()
        self.model.set_weights([rng.normal(scale=0.8, size=w.shape) for w in weights])


class Shuffled:
    """Two workers for each part that is there, which end in any order."""

    def __init__(self, task, most, seed):
        self.task, self.most, self.draw, self.given = task, most, random.Random(seed), 0

    def answers(self, work, parts):
        parts, begun = iter(parts), []
        while True:
            while (part := next(parts, None)) is not None:
                begun.append(part)
            if not begun:
                return
            name, values = begun.pop(self.draw.randrange(len(begun)))
            self.given += 1
            yield name, work(self.task, *values)


@pytest.fixture
def shared(monkeypatch):
    """`shared(task, most, seed)`: what a cluster would do is done here, a window at a time, in rows
    of at least 50 tokens."""
    monkeypatch.setattr(module, "MIN_ROW_TOKENS", 50)
    monkeypatch.setattr(spread_evaluation, "_WINDOWS_A_PART", 1)

    def share(task, most, seed=0):
        return Shuffled(task, most, seed)

    return share


@pytest.mark.slow
@pytest.mark.parametrize(("most", "context"), [(3, 3), (50, None)])
def test_the_figures_are_those_of_one_process(shared, most, context):
    task = Holder()
    doers = shared(task, most)
    expected = evaluate_text(task, IDS, context, 7, HERE, None)
    found = evaluate_text(task, IDS, context, 7, Where("auto"), doers)
    assert found.num_tokens == expected.num_tokens == len(IDS) - (context is None)
    assert found.mean_cross_entropy == pytest.approx(expected.mean_cross_entropy, rel=1e-6)
    # Rows of 128 or 129 tokens, in windows of 128.
    assert doers.given >= min(most, 7)


@pytest.mark.everyday(1)
@pytest.mark.parametrize("seed", range(2))
def test_states_are_carried_from_part_to_part(shared, monkeypatch, seed):
    """Long rows are many parts, each of which may be done by another worker."""
    monkeypatch.setattr(module.Evaluator, "__init__", short_windows(module.Evaluator.__init__))
    task = Holder()
    doers = shared(task, 2, seed)
    expected = evaluate_text(task, IDS, 3, 3, HERE, None)
    found = evaluate_text(task, IDS, 3, 3, Where("auto"), doers)
    assert doers.given == 2 * 300 // 10
    assert found.mean_cross_entropy == pytest.approx(expected.mean_cross_entropy, rel=1e-6)


def short_windows(init):
    def make(self, model, batch_size=32, num_steps=10):
        init(self, model, batch_size, num_steps)

    return make


def test_documents(shared):
    """Rows begin where documents do, and are not equally long."""
    task = Holder(document_ids=(6, 7))
    doers = shared(task, 4)
    expected = evaluate_text(task, IDS, 7, 5, HERE, None)
    found = evaluate_text(task, IDS, 7, 5, Where("auto"), doers)
    assert found.num_tokens == len(IDS)
    assert found.mean_cross_entropy == pytest.approx(expected.mean_cross_entropy, rel=1e-6)


def test_more_workers_than_rows(shared):
    task = Holder()
    doers = shared(task, 9)
    with pytest.raises(InputError, match=r"`workers` must be at most the rows .* there are 7:"):
        evaluate_text(task, IDS, None, 7, Where("auto", 8), doers)
