"""Scores against the softmax of one whole pass."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.generation.reading import token_log_probabilities

SYMBOLS = 11


def score(model, ids, lengths):
    """In graph, as it is used; eager loops are slow."""
    specs = [tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)]
    function = tf.function(
        lambda *inputs: token_log_probabilities(model, *inputs),
        input_signature=specs,
        autograph=False,
    )
    return function(ids, lengths).numpy()


def by_definition(model, ids):
    """[B, T − 1], from the logits of one whole pass; what follows does not change what was."""
    logits = model(ids).numpy().astype("float64")
    log_softmax = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return np.take_along_axis(log_softmax[:, :-1], ids[:, 1:, np.newaxis], axis=2)[..., 0]


@pytest.mark.slow
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_equals_the_softmax_of_one_pass(make_model, cell, layers):
    model = make_model(SYMBOLS, cell, layers)
    rng = np.random.default_rng(1)
    # 128 steps are a block: these end inside, at and beyond its edges.
    lengths = np.int32([300, 0, 1, 2, 128, 129, 130, 257])
    ids = rng.integers(0, SYMBOLS, (len(lengths), 300)).astype("int32")
    scores = score(model, ids, lengths)
    assert scores.shape == (8, 299)
    expected = by_definition(model, ids)
    for row, length, entries in zip(expected, lengths, scores, strict=True):
        counted = max(length - 1, 0)
        assert not entries[counted:].any()
        np.testing.assert_allclose(entries[:counted], row[:counted], atol=1e-4)


def test_a_large_vocabulary_is_scored_in_short_blocks(make_model):
    model = make_model(100_000, units=2)
    ids = np.random.default_rng(2).integers(0, 100_000, (1, 6)).astype("int32")
    scores = score(model, ids, np.int32([6]))
    np.testing.assert_allclose(scores, by_definition(model, ids), rtol=1e-5)


@pytest.mark.everyday(2)
@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (2, 0), (2, 1)])
def test_nothing_to_score(make_model, shape):
    model = make_model(SYMBOLS)
    scores = score(model, np.zeros(shape, "int32"), np.full(shape[0], shape[1], "int32"))
    assert scores.shape == (shape[0], max(shape[1] - 1, 0))
