"""The n-gram counts that a trained model is held against."""

import json
import random

import numpy as np
import pytest

from tfseq import NGramModel
from tfseq.tasks.language_model.baseline import measure_baseline
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


def test_a_run_tells_it_and_a_resumed_run_tells_the_same(options, tmp_path):
    training, metrics = fit(options)
    train, validation = np.array(training.corpus.train), np.array(training.corpus.validation)
    model = NGramModel(6).fit(train, len(training.task.vocabulary))
    assert metrics["baseline_perplexity"] == model.perplexity(validation, train[-5:])
    line = (
        f"baseline perplexity   {metrics['baseline_perplexity']:.3f} per character "
        f"({metrics['baseline_bits_per_token']:.3f} bits), 6-gram counts with Kneser-Ney smoothing"
    )
    assert line in training.result(metrics).splitlines()
    assert json.loads((tmp_path / "run" / "metrics.json").read_text()) == metrics
    _, again = fit(options, resume=True)
    assert again == metrics
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
