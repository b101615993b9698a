"""`evaluate` with dynamic evaluation and a cache, and how their settings are chosen."""

import dataclasses
import math
import types

import numpy as np
import pytest
import tensorflow as tf

import tfseq
from tfseq import InputError
from tfseq.tasks.language_model.evaluation import Evaluation
from tfseq.tasks.language_model.evaluation import adaptive_evaluation as module
from tfseq.tasks.language_model.evaluation import dynamic_evaluation as dynamic_module
from tfseq.tasks.language_model.evaluation.adaptive_evaluation import Text, tuned
from tfseq.tasks.language_model.evaluation.adaptive_settings import (
    CacheSettings,
    DynamicSettings,
    checked_settings,
    settings_of,
)
from tfseq.tasks.language_model.evaluation.dynamic_evaluation import DynamicEvaluator
from tfseq.tasks.language_model.evaluation.neural_cache import CacheEvaluator


@pytest.mark.slow
def test_they_are_figures_of_their_own(trained, monkeypatch):
    # XLA is tested elsewhere, and takes seconds.
    monkeypatch.setattr(
        dynamic_module, "_by_xla_if_possible", lambda f: tf.function(f, autograph=False)
    )
    task = tfseq.load(trained("language_model").directory)
    plain = task.evaluate()
    figures = task.evaluate(dynamic=True, cache=20)
    assert {name: figures[name] for name in plain} == plain
    corpus = task.encode()
    text = (np.array(corpus.validation), int(corpus.train[-1]))
    settings = DynamicSettings(learning_rate=1e-4, segment_tokens=20)
    assert figures["dynamic_settings"] == dataclasses.asdict(settings)
    assert figures["cache_settings"] == dataclasses.asdict(CacheSettings(size=20))
    rates = {name: figures["dynamic_settings"][name] for name in ("learning_rate", "decay")}
    dynamic = DynamicEvaluator(task.model, corpus.train, 20)(*text, **rates, epsilon=1e-5)
    cache = CacheEvaluator(task.model, 20)(*text, flatness=0.3, weight=0.1)
    for name, result in (("dynamic", dynamic), ("cache", cache)):
        assert figures[f"{name}_perplexity"] == pytest.approx(result.perplexity, rel=1e-6)
        assert figures[f"{name}_bits_per_byte"] == pytest.approx(result.bits_per_token, rel=1e-6)
        assert figures[f"{name}_perplexity"] != pytest.approx(figures["perplexity"], rel=1e-6)
        assert not figures[f"{name}_tuned"]
    lines = task.describe(figures).splitlines()
    assert lines[:4] == task.describe(plain).splitlines()
    assert lines[4].startswith(f"dynamic     perplexity {dynamic.perplexity:.4f}, nats ")
    assert (
        lines[5].split()
        == "learning rate 0.0001, decay 0.003, segment tokens 20, epsilon 1e-05".split()
    )
    assert lines[6].startswith(f"cache       perplexity {cache.perplexity:.4f}, nats ")
    assert lines[7].split() == "size 20, flatness 0.3, weight 0.1".split()


def test_settings_are_chosen_on_the_validation_split(trained, monkeypatch):
    """Whatever the text that is then evaluated; here it is the training split."""
    task = tfseq.load(trained("language_model").directory)
    corpus, seen = task.encode(), []

    def measure(evaluator, ids, context=None, *, flatness, weight):
        seen.append((len(ids), context, flatness, weight))
        return Evaluation(abs(flatness - 2.5) + abs(weight - 0.05), len(ids))

    monkeypatch.setattr(CacheEvaluator, "__call__", measure)
    monkeypatch.setattr(module, "TUNING_TOKENS", 50)
    figures = task.evaluate(split="train", cache=CacheSettings(9), tune=True)
    assert figures["cache_tuned"]
    assert figures["cache_settings"] == {"size": 9, "flatness": 2.4, "weight": 0.05}
    assert "chosen on the validation split" in task.describe(figures)
    *search, last = seen
    assert {row[:2] for row in search} == {(50, int(corpus.train[-1]))}
    assert last == (len(corpus.train), None, 2.4, 0.05)


def test_a_search_ends_where_neither_neighbour_is_better():
    text = Text(np.zeros(3, "uint8"), None)

    def measure(text, settings):
        rate = settings.learning_rate
        loss = np.nan if rate > 0.01 else abs(np.log(rate / 0.004)) + settings.decay
        return Evaluation(float(loss), 3)

    start = DynamicSettings(learning_rate=0.001, decay=0.02)
    found = tuned(measure, start, {"learning_rate": math.inf}, text)
    assert found == DynamicSettings(learning_rate=0.004, decay=0.02)
    found = tuned(measure, start, {"decay": math.inf, "learning_rate": 0.004}, text)
    assert found.learning_rate == 0.002
    assert found.decay == 0.02 / 2**6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tune": True}, "`tune` chooses the settings of `dynamic` and `cache`"),
        ({"cache": -1}, "`cache` must be zero, a positive integer or `CacheSettings`"),
        ({"cache": True}, "`cache` must be zero"),
        ({"dynamic": 0.1}, "`dynamic` must be true, false or `DynamicSettings`"),
        ({"dynamic": DynamicSettings(decay=-1.0)}, "`decay` must be zero or a positive"),
        ({"cache": CacheSettings(weight=1.0)}, "`weight` must be at least 0 and less than 1"),
    ],
)
def test_settings_that_break_a_rule(trained, arguments, message):
    task = trained("language_model")
    with pytest.raises(InputError, match=message):
        task.evaluate(**arguments)


def test_there_is_no_validation_split_to_choose_on(trained, monkeypatch):
    task = trained("language_model")
    corpus = dataclasses.replace(task.encode(), num_train=len(task.encode().ids))
    monkeypatch.setattr(task, "encode", lambda: corpus)
    with pytest.raises(InputError, match="`tune` needs a validation split"):
        task.evaluate(split="train", cache=5, tune=True)


def test_settings_named_by_options():
    options = types.SimpleNamespace(cache=8, cache_flatness=None, cache_weight=0.25)
    settings = settings_of(options, "cache", CacheSettings, size=8)
    assert settings == CacheSettings(size=8, weight=0.25)
    options.cache = None
    with pytest.raises(InputError, match="`cache_weight` can be used with `cache` only"):
        settings_of(options, "cache", CacheSettings)
    options.cache_weight = None
    assert settings_of(options, "cache", CacheSettings) is None
    assert checked_settings(False, 0, False, "word") == (None, None)
    usual = DynamicSettings(learning_rate=5e-5, segment_tokens=5)
    assert checked_settings(True, 3, False, "word") == (usual, CacheSettings(3))
    own = DynamicSettings(learning_rate=0.0, segment_tokens=7)
    assert checked_settings(own, 0, False, "word") == (own, None)
