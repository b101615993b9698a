"""The n-gram counts that a trained model is held against."""

import json
import random

import numpy as np
import pytest

from tfseq import NGramModel
from tfseq.models.ngram.ngram_orders import mean_losses_by_order
from tfseq.tasks.language_model import baseline as baseline_module
from tfseq.tasks.language_model.baseline import best_order, measure_baseline
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.language_model.training import describe_result, prepare

IDS = np.random.default_rng(4).integers(0, 6, 500).astype("uint8")


def test_it_predicts_every_token_of_the_validation_split_from_those_before_it():
    baseline = measure_baseline(IDS[:400], IDS[400:], vocabulary_size=7, order=3)
    model = NGramModel(3).fit(IDS[:400], 7)
    chances = [model.probabilities(IDS[:place])[IDS[place]] for place in range(400, 500)]
    assert baseline.perplexity == pytest.approx(np.exp(-np.log(chances).mean()))
    assert baseline.bits_per_token == pytest.approx(-np.log2(chances).mean())
    assert (baseline.order, baseline.train_tokens, baseline.validation_tokens) == (3, 400, 100)


def test_of_a_long_text_it_reads_what_lies_round_the_cut():
    capped = measure_baseline(
        IDS[:400], IDS[400:], 7, 3, max_train_tokens=90, max_validation_tokens=9
    )
    assert capped == measure_baseline(IDS[310:400], IDS[400:409], 7, 3)
    assert (capped.train_tokens, capped.validation_tokens) == (90, 9)


def test_the_order_is_the_best_for_the_last_tenth_of_the_training_split(monkeypatch):
    """The validation split has no say. The words of the text repeat in another order each time."""
    chance = np.random.default_rng(1)
    words = chance.integers(0, 6, [8, 5])
    text = words[chance.integers(0, 8, 240)].ravel()
    losses = {
        order: NGramModel(order).fit(text[:1080], 7).perplexity(text[1080:], text[:1080])
        for order in range(1, 10)
    }
    order = min(losses, key=losses.get)
    assert 2 < order < 9
    assert best_order(text, 7) == order
    for validation in (text[:100], IDS):
        assert measure_baseline(text, validation, 7).order == order
    assert best_order(text, 7, max_order=2) == 2
    assert best_order(text[:1], 7) == 1
    monkeypatch.setattr(baseline_module, "MAX_HELD_OUT_TOKENS", 1)
    last = mean_losses_by_order(text[:-1], text[-1:], 9, 7)
    assert best_order(text, 7) == np.argmin(last) + 1


@pytest.fixture
def options(tmp_path):
    chance = random.Random(3)
    words = "the time machine of light and year in dark".split()
    (tmp_path / "text.txt").write_text(" ".join(chance.choice(words) for _ in range(700)))
    return {
        "corpus": str(tmp_path / "text.txt"),
        "run_dir": str(tmp_path / "run"),
        "batch_size": 4,
        "num_steps": 16,
        "units": 4,
        "epochs": 1,
        "export": False,
        "verbose": "quiet",
    }


def fit(options, **changes):
    """A finished training and its metrics."""
    training = prepare(LanguageModelOptions(**{**options, **changes}), log=lambda line: None)
    return training, training.run.fit(training.evaluate)


@pytest.mark.slow
def test_a_run_tells_it_and_a_resumed_run_tells_the_same(options, tmp_path):
    training, metrics = fit(options)
    train, validation = np.array(training.corpus.train), np.array(training.corpus.validation)
    order = metrics["baseline_order"]
    assert order == best_order(train, len(training.task.vocabulary)) > 2
    model = NGramModel(order).fit(train, len(training.task.vocabulary))
    assert metrics["baseline_perplexity"] == model.perplexity(validation, train[-order:])
    line = (
        f"baseline perplexity   {metrics['baseline_perplexity']:.3f} per character "
        f"({metrics['baseline_bits_per_token']:.3f} bits), {order}-gram counts with Kneser-Ney "
        "smoothing"
    )
    assert line in training.result(metrics).splitlines()
    assert json.loads((tmp_path / "run" / "metrics.json").read_text()) == metrics
    _, again = fit(options, resume=True)
    assert again == metrics
    saved = {**metrics, "baseline_perplexity": 9.5, "baseline_order": 6}
    assert training.evaluate(saved)["baseline_order"] == 6, "the figure of an old run stays"
    off, metrics = fit(options, resume=True, baseline=False)
    assert metrics["baseline_perplexity"] is None
    assert "baseline" not in off.result(metrics)


def test_what_was_not_read_is_said():
    metrics = {
        "validation_perplexity": None,
        "train_perplexity": 4.0,
        "training_seconds": 1.0,
        "tokens_per_second": 9,
        "baseline_perplexity": 8.0,
        "baseline_bits_per_token": 3.0,
        "baseline_order": 5,
        "baseline_train_tokens": 2_000,
        "baseline_validation_tokens": 100,
        "train_tokens": 2_001,
        "validation_tokens": 100,
    }
    start = (
        "baseline perplexity   8.000 per word (3.000 bits), 5-gram counts with Kneser-Ney smoothing"
    )
    assert (
        describe_result(metrics, "word").splitlines()[0]
        == f"{start}, of the last 2,000 words of the training split alone"
    )
    metrics["validation_tokens"] = 101
    assert describe_result(metrics, "word").splitlines()[0] == (
        f"{start}, of the last 2,000 words of the training split and the first 100 words of the "
        "validation split alone"
    )
