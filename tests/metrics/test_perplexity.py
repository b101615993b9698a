"""Perplexity against NumPy, over batches that are not of one size."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.metrics.perplexity import Perplexity, bits, perplexity
from tfseq.models import LanguageModel


def draw_batches(seed, shapes, V=7):
    rng = np.random.default_rng(seed)
    return [
        (
            rng.integers(0, V, shape),
            rng.normal(scale=2, size=[*shape, V]).astype("float32"),
            rng.choice([0.0, 0.5, 1.0, 3.0], shape).astype("float32"),
        )
        for shape in shapes
    ]


def cross_entropies(targets, logits):
    """−log P of each token, in float64."""
    logits = logits.astype("float64")
    log_z = np.log(np.exp(logits).sum(axis=-1))
    return log_z - np.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]


@settings(max_examples=25)
@given(
    seed=st.integers(0, 99),
    shapes=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9)), min_size=1, max_size=4),
    weighted=st.booleans(),
)
def test_the_mean_is_taken_over_tokens(seed, shapes, weighted):
    metric, losses, weights = Perplexity(), [], []
    for targets, logits, weight in draw_batches(seed, shapes):
        weight = weight if weighted else np.ones_like(weight)
        metric.update_state(targets, logits, sample_weight=weight if weighted else None)
        losses.append(cross_entropies(targets, logits).ravel())
        weights.append(weight.ravel().astype("float64"))
    losses, weights = np.concatenate(losses), np.concatenate(weights)
    total = weights.sum()
    mean = (losses * weights).sum() / total if total else 0.0
    assert float(metric.mean_cross_entropy()) == pytest.approx(mean, rel=1e-5, abs=1e-6)
    assert float(metric.result()) == pytest.approx(math.exp(mean), rel=1e-5)
    assert float(metric.count) == total


def test_uneven_batches_are_not_averaged():
    """One sure token and three that have four ways to go: 4 ** (3/4), not (1 + 4) / 2."""
    metric = Perplexity()
    metric.update_state([[0]], [[[100.0, 0.0, 0.0, 0.0]]])
    metric.update_state([[0, 1, 2]], np.zeros([1, 3, 4], "float32"))
    assert float(metric.result()) == pytest.approx(4 ** (3 / 4), rel=1e-6)


def test_a_weight_for_each_row():
    """Weights of a lower rank belong to the leading axes, as in the metrics of Keras."""
    for shape in ((3, 5), (4, 4)):
        ((targets, logits, _),) = draw_batches(0, [shape])
        weights = np.arange(shape[0], dtype="float32")
        metric = Perplexity()
        metric.update_state(targets, logits, sample_weight=weights)
        expected = np.average(cross_entropies(targets, logits).mean(axis=1), weights=weights)
        assert float(metric.mean_cross_entropy()) == pytest.approx(expected, rel=1e-5)


def test_a_token_left_out_may_be_infinitely_unlikely():
    metric = Perplexity()
    logits = np.array([[[0.0, -np.inf], [0.0, 0.0]]], "float32")
    metric.update_state([[1, 0]], logits, sample_weight=[[0.0, 1.0]])
    assert float(metric.result()) == pytest.approx(2.0)


def test_probabilities():
    metric = Perplexity(from_logits=False)
    metric.update_state([0, 1], np.array([[0.5, 0.5], [0.875, 0.125]], "float32"))
    assert float(metric.result()) == pytest.approx(4.0, rel=1e-5)  # √(2 · 8)


def test_bfloat16_logits():
    ((targets, logits, _),) = draw_batches(1, [(3, 5)])
    logits = tf.cast(logits, tf.bfloat16)
    metric = Perplexity()
    metric.update_state(targets, logits)
    expected = cross_entropies(targets, np.asarray(tf.cast(logits, tf.float32))).mean()
    assert float(metric.mean_cross_entropy()) == pytest.approx(expected, rel=1e-5)


def test_begins_at_one_and_begins_again():
    metric = Perplexity()
    assert float(metric.result()) == 1.0
    metric.update_state([0], np.zeros([1, 5], "float32"))
    assert float(metric.result()) == pytest.approx(5.0)
    metric.reset_state()
    assert float(metric.result()) == 1.0
    assert float(metric.count) == 0.0


def test_sums_lose_nothing():
    """16,777,216 + 1 is 16,777,216 in float32."""
    metric = Perplexity()
    metric.count.assign(2.0**24)
    metric.update_state([0], np.zeros([1, 5], "float32"))
    assert float(metric.count) == 2**24 + 1


def test_config_round_trip():
    metric = Perplexity(from_logits=False, name="ppl")
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(again) is Perplexity
    assert (again.name, again.from_logits) == ("ppl", False)


@pytest.mark.slow
def test_as_a_metric_of_compile_and_fit():
    """What follows each token here is certain, and the model finds that out."""
    keras.utils.set_random_seed(0)
    V = 7
    model = LanguageModel(V, units=16)
    model.compile(
        keras.optimizers.Adam(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[Perplexity()],
        weighted_metrics=[Perplexity(name="weighted")],
        jit_compile=False,
    )
    ids = (np.arange(5 * 9) % V).astype("int32").reshape(5, 9)
    inputs, targets = ids[:, :-1], ids[:, 1:]
    model.fit(inputs, targets, epochs=20, batch_size=5, verbose=0)
    weights = np.random.default_rng(0).uniform(size=targets.shape).astype("float32")
    figures = model.evaluate(
        inputs, targets, sample_weight=weights, batch_size=2, verbose=0, return_dict=True
    )
    losses = cross_entropies(targets, np.asarray(model(inputs)))
    assert figures["perplexity"] == pytest.approx(math.exp(losses.mean()), rel=1e-4)
    expected = math.exp(np.average(losses, weights=weights))
    assert figures["weighted"] == pytest.approx(expected, rel=1e-4)
    assert figures["perplexity"] < 1.2


def test_of_a_mean():
    assert perplexity(0.0) == 1.0
    assert perplexity(math.log(28)) == pytest.approx(28)
    assert perplexity(699) == math.exp(699)
    assert perplexity(1e6) == math.inf
    assert bits(3 * math.log(2)) == pytest.approx(3)
