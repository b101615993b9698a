"""Windows of varied length against what is promised of them."""

import collections
import itertools
from unittest import mock

import numpy as np
import pytest

from tfseq.data import blocks, varied_windows, window_lengths
from tfseq.errors import InputError

ORDERS = pytest.mark.parametrize("order", ["random", "sequential"])


def collect(dataset):
    return [(inputs.numpy(), targets.numpy()) for inputs, targets in dataset]


@ORDERS
@pytest.mark.parametrize(
    ("num_tokens", "batch_size", "num_steps"),
    [(1500, 3, 14), (31, 3, 10), (1001, 1, 50), (40, 6, 1), (99, 2, 3), (500, 4, 22)],
)
def test_the_text_is_covered_once(order, num_tokens, batch_size, num_steps):
    lengths = window_lengths(num_steps)
    for epoch in range(2):
        with mock.patch.object(blocks, "BLOCK_VALUES", 200):
            dataset = varied_windows(
                np.arange(num_tokens), batch_size, num_steps, order, seed=1, epoch=epoch
            )
        batches = collect(dataset)
        assert int(dataset.cardinality()) == len(batches) >= 1
        for inputs, targets in batches:
            assert inputs.shape in {(batch_size, length) for length in lengths}
            np.testing.assert_array_equal(inputs, inputs[:, :1] + np.arange(inputs.shape[1]))
            np.testing.assert_array_equal(targets, inputs + 1)
        rows = [(int(row[0]), len(row)) for inputs, _ in batches for row in inputs]
        if order == "sequential":
            for (a, _), (b, _) in itertools.pairwise(batches):
                np.testing.assert_array_equal(b[:, 0], a[:, -1] + 1)
        rows.sort()
        assert all(a + length <= b for (a, length), (b, _) in itertools.pairwise(rows))
        assert 0 <= rows[0][0] < num_steps
        assert max(targets.max() for _, targets in batches) < num_tokens
        # No more is left out than the offset and, of each row, less than the shortest window.
        left = num_tokens - 1 - rows[0][0] - sum(length for _, length in rows)
        assert left < batch_size * min(lengths) + batch_size


@ORDERS
def test_an_epoch_can_be_taken_up_at_any_batch(order):
    arguments = {"batch_size": 2, "num_steps": 9, "order": order, "seed": 3, "epoch": 2}
    batches = collect(varied_windows(np.arange(200), **arguments))
    for start in (1, 3, len(batches)):
        rest = collect(varied_windows(np.arange(200), **arguments, start_batch=start))
        np.testing.assert_equal(rest, batches[start:])
    other = collect(varied_windows(np.arange(200), **{**arguments, "epoch": 3}))
    assert [b.shape for b, _ in other] != [b.shape for b, _ in batches]


def test_lengths_are_drawn_as_often_as_is_said():
    counts = collections.Counter(
        inputs.shape[1] for inputs, _ in varied_windows(np.arange(70 * 8000), 2, 70, "sequential")
    )
    total = sum(counts.values())
    for length, chance in window_lengths(70).items():
        assert counts[length] / total == pytest.approx(chance, abs=0.025)


@ORDERS
def test_a_memory_mapped_file_gives_the_same(order, tmp_path):
    ids = np.random.default_rng(0).integers(0, 200, 3000).astype("uint8")
    ids.tofile(tmp_path / "ids")
    mapped = np.memmap(tmp_path / "ids", "uint8", mode="r")
    a, b = (collect(varied_windows(of, 8, 7, order)) for of in (ids, mapped))
    np.testing.assert_equal(a, b)


def test_wrong_arguments():
    with pytest.raises(InputError, match=r"at least 71 tokens\. Received: 70 tokens"):
        varied_windows(np.arange(70), 2, 35, "random")
    with pytest.raises(ValueError, match="`order` must be one of 'random', 'sequential'"):
        varied_windows(np.arange(70), 2, 5, "sorted")
    with pytest.raises(ValueError, match="`start_batch` must be an integer from 0 to"):
        varied_windows(np.arange(70), 2, 5, "random", start_batch=99)
