"""Tokens drawn in NumPy are those that the graph of an export draws."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.generation.random_numbers import gumbel_noise as noise_in_graph
from tfseq.generation.sampling import SamplerSettings, sample, sampler
from tfseq.serving.writing.drawing import draw, gumbel_noise, log_probabilities
from tfseq.serving.writing.token_drawer import DrawSettings, TokenDrawer

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


@pytest.mark.parametrize("min_p", [0.05, 0.5, 1])
def test_min_p_is_that_of_the_graph(min_p):
    """Also with top-k and top-p, and where the most probable are equally so."""
    noise = np.random.default_rng(1).gumbel(size=(5, 9)).astype("float32")
    logits = np.random.default_rng(2).normal(0, 3, (5, 9)).astype("float32")
    logits[:, 1] = logits[:, 0] = logits.max(axis=1) + np.float32([0, 0, 1, 0, 0])
    logits[:, 2] = logits[:, 0] + np.float32(np.log(0.5))
    column = tf.fill([5], np.float32(min_p))
    for settings in [(1, 0, 1), (0.5, 3, 1), (1.5, 0, 0.9), (0, 0, 1)]:
        settings = float(np.float32(settings[0])), settings[1], float(np.float32(settings[2]))
        scale, choose = sampler(SamplerSettings(*settings).rows(5), 9, truncate=True, min_p=column)
        expected = choose(tf.constant(logits), scale(tf.constant(noise)))
        assert draw(logits, noise, *settings, min_p).tolist() == expected.numpy().tolist()


@pytest.mark.parametrize("window", [1, 3, 4, 50])
def test_penalties_are_those_of_the_graph(window):
    """Tokens leave the window one by one; rows that end take nothing from the others."""
    rng = np.random.default_rng(window)
    prompt, rows = rng.integers(1, 6, 7), np.arange(3)
    settings = DrawSettings(0.9, 0, 1.0, 0.0, 1.5, window, 0.4)
    seeds = [3, -4, 2**63 - 1]
    drawer = TokenDrawer(settings, seeds, [2], prompt)
    ids = [prompt.tolist() for _ in rows]
    for step in range(12):
        logits = rng.normal(0, 1, (len(rows), 6)).astype("float32")
        drawn = drawer.draw(logits, rows, step)
        for place, row in enumerate(rows):
            z = logits[place].copy()
            for token in set(ids[row][-window:]):
                count = ids[row][-window:].count(token)
                z[token] = (z[token] / 1.5 if z[token] > 0 else z[token] * 1.5) - count * 0.4
            z[[0, 2]] = -np.inf
            noise = gumbel_noise(np.array(seeds[row : row + 1]), step, 6)[0]
            assert drawn[place] == np.argmax(z + np.float32(0.9) * noise)
            ids[row].append(int(drawn[place]))
        if step == 6:
            rows = rows[[0, 2]]


def test_log_probabilities():
    logits = np.random.default_rng(0).normal(0, 3, (4, 9)).astype("float32")
    expected = tf.nn.log_softmax(logits.astype("float64"))
    np.testing.assert_allclose(log_probabilities(logits), expected, atol=1e-12)
