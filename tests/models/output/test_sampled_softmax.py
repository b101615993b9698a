"""The candidates by their counts, and the loss against NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.models.output.candidates import Candidates
from tfseq.models.output.sampled_softmax import sampled_softmax_loss

V, S = 200, 30


@given(st.integers(2, 3000), st.data())
@settings(max_examples=50, deadline=None)
def test_the_expected_counts_are_those_of_the_ranks(num_classes, data):
    size = data.draw(st.integers(1, num_classes - 1))
    q = Candidates(num_classes, size).expected_counts
    assert q.sum() == pytest.approx(size, abs=1e-6)
    assert q.min() > 0
    assert q.max() <= 1 + 1e-9
    by_rank = np.log((np.arange(num_classes) + 2) / (np.arange(num_classes) + 1))
    drawn = q < 1 - 1e-6
    ratios = q[drawn] / by_rank[drawn]
    assert len(ratios) == 0 or ratios.max() / ratios.min() < 1 + 1e-4
    # Whatever is always there is more frequent than whatever is drawn.
    assert np.all(np.diff(q) <= 1e-9)


def test_each_class_is_drawn_as_often_as_expected():
    candidates, draws = Candidates(V, S), 3000
    counts = np.zeros(V)
    draw = tf.function(lambda step: candidates.draw(5, step)[0])
    for step in range(draws):
        ids = draw(tf.constant(step, tf.int64)).numpy()
        assert np.all(np.diff(ids) >= 0)
        np.add.at(counts, ids, 1)
    q = candidates.expected_counts
    assert counts.sum() == draws * S
    np.testing.assert_array_equal(counts[q == 1], draws)
    # Five standard deviations of independent draws; these vary less.
    assert np.all(abs(counts - draws * q) < 5 * np.sqrt(draws * q) + 1)


def test_a_draw_is_a_function_of_seed_and_step():
    def ids(seed, step):
        return Candidates(V, S).draw(seed, tf.constant(step, tf.int64))[0].numpy().tolist()

    assert ids(1, 2**40) == ids(1, 2**40)
    assert len({str(ids(seed, step)) for seed in (1, 2) for step in (0, 1, 2**32)}) == 6


def numpy_loss(hidden, kernel, bias, targets, candidates, q):
    logits = hidden @ kernel.T + bias
    losses = []
    for row, y in zip(logits, targets, strict=True):
        others = [np.exp(row[k]) / q[k] for k in candidates if k != y]
        losses.append(np.log(np.exp(row[y]) + sum(others)) - row[y])
    return np.array(losses)


def test_loss_is_that_of_the_equations_and_on_average_of_all_classes():
    rng = np.random.default_rng(0)
    hidden, kernel = rng.normal(size=[6, 4]), rng.normal(size=[V, 4])
    bias, targets = rng.normal(size=V), np.array([0, 1, 3, 40, 150, 199])
    candidates = Candidates(V, S)
    values = [tf.constant(a, tf.float32) for a in (hidden, kernel, bias)]

    @tf.function
    def loss_of(step):
        ids, log_counts = candidates.draw(0, step)
        h, w, b = values
        rows = [(tf.gather(w, i), tf.gather(b, i)) for i in (targets, ids)]
        return ids, sampled_softmax_loss(h, *rows, targets, tf.cast(ids, tf.int64), log_counts)

    logits = hidden @ kernel.T + bias
    sums, draws = np.zeros(6), 2000
    for step in range(draws):
        ids, loss = (t.numpy() for t in loss_of(tf.constant(step, tf.int64)))
        if step < 5:
            q = candidates.expected_counts
            expected = numpy_loss(hidden, kernel, bias, targets, ids, q)
            np.testing.assert_allclose(loss, expected, rtol=1e-4)
        sums += np.exp(loss)
    # exp(loss) = Ẑ / exp(o_y), and the mean of Ẑ is Z.
    expected = np.exp(logits).sum(1) / np.exp(logits[np.arange(6), targets])
    np.testing.assert_allclose(sums / draws, expected, rtol=0.05)


def test_as_many_candidates_as_classes_are_too_many():
    with pytest.raises(ValueError, match=r"`num_candidates` must be less than .* 5"):
        Candidates(5, 5)
