"""Tokens drawn in NumPy are those that the graph of an export draws."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.generation.random_numbers import gumbel_noise as noise_in_graph
from tfseq.generation.sampling import SamplerSettings, sample
from tfseq.serving.writing.drawing import draw, gumbel_noise, log_probabilities

SEEDS = np.array([7, -3, 2**40 + 5, 0, 2**62])


@pytest.mark.parametrize("num_symbols", [2, 5, 104])
@pytest.mark.parametrize("step", [0, 77])
def test_it_draws_as_the_graph_does(num_symbols, step):
    expected_noise = noise_in_graph(tf.constant(SEEDS, tf.int64), step, 1, num_symbols)[:, 0]
    noise = gumbel_noise(SEEDS, step, num_symbols)
    assert noise.dtype == np.float32
    # The logarithms of two libraries.
    np.testing.assert_allclose(noise, expected_noise, atol=2e-6)
    logits = np.random.default_rng(step).normal(0, 3, (5, num_symbols)).astype("float32")
    # Equal ones are told apart by their ids.
    logits[:, 1] = logits[:, 0]
    for settings in [(1, 0, 1), (0.5, 3, 1), (1.5, 0, 0.9), (0.5, 2, 0.5), (0, 0, 1), (1, 1, 0)]:
        settings = float(np.float32(settings[0])), settings[1], float(np.float32(settings[2]))
        expected = sample(logits, expected_noise, SamplerSettings(*settings))
        assert draw(logits, noise, *settings).tolist() == expected.numpy().tolist()


def test_log_probabilities():
    logits = np.random.default_rng(0).normal(0, 3, (4, 9)).astype("float32")
    expected = tf.nn.log_softmax(logits.astype("float64"))
    np.testing.assert_allclose(log_probabilities(logits), expected, atol=1e-12)
