"""Batches of like length: every example once, in an order that seed and epoch determine."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfseq.data.labelled.labelled_batches import length_batches, length_plan


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=400),
    st.integers(1, 9),
    st.sampled_from([None, 0, 7]),
    st.integers(0, 3),
)
def test_every_example_is_in_one_batch(lengths, batch_size, seed, epoch):
    lengths = np.array(lengths)
    plan = length_plan(lengths, batch_size, seed, epoch)
    assert sorted(np.concatenate(plan)) == list(range(len(lengths)))
    sizes = sorted((len(batch) for batch in plan), reverse=True)
    assert all(size == batch_size for size in sizes[:-1])
    again = length_plan(lengths, batch_size, seed, epoch)
    assert [b.tolist() for b in plan] == [b.tolist() for b in again]


def test_epochs_and_seeds_differ():
    lengths = np.arange(100) % 7
    orders = {
        tuple(np.concatenate(length_plan(lengths, 8, seed, epoch)))
        for seed in (0, 1)
        for epoch in (0, 1, 2)
    }
    assert len(orders) == 6


def test_little_is_padded():
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    padded = sum(len(b) * lengths[b].max() for b in length_plan(lengths, 10, seed=0, epoch=0))
    by_chance = sum(
        10 * lengths[b].max() for b in np.random.default_rng(1).permutation(1000).reshape(-1, 10)
    )
    assert lengths.sum() <= padded < 1.1 * lengths.sum()
    assert by_chance > 1.6 * lengths.sum()


@pytest.mark.parametrize("of_tokens", [True, False])
def test_rows_hold_their_example(of_tokens):
    rows = [[i * 10 + t for t in range(n)] for i, n in enumerate([3, 0, 5, 1, 2, 0, 4])]
    ids = tf.ragged.constant(rows, dtype=tf.int32, ragged_rank=1)
    targets = ids + 1000 if of_tokens else tf.range(7)
    dataset = length_batches(ids, targets, batch_size=3, seed=4, epoch=2)
    assert int(dataset.cardinality()) == 3
    seen = []
    for x, y, weights in dataset:
        for row, target, weight in zip(x.numpy(), y.numpy(), weights.numpy(), strict=True):
            real = row[row >= 0].tolist()
            assert row[len(real) :].tolist() == [-1] * (len(row) - len(real))
            if of_tokens:
                assert target.tolist() == [r + 1000 if r >= 0 else 0 for r in row.tolist()]
                assert weight.tolist() == [float(r >= 0) for r in row.tolist()]
            else:
                assert rows[target] == real
                assert weight == 1
            seen.append(real)
    assert sorted(seen) == sorted(rows)
