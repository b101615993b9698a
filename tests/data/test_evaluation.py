"""Evaluation windows: each token exactly once, after the token before it."""

import itertools
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.data import blocks, evaluation_windows
from tfseq.errors import InputError


@settings(max_examples=40, deadline=None)
@given(
    num_tokens=st.integers(2, 300),
    batch_size=st.integers(1, 7),
    num_steps=st.integers(1, 12),
    with_context=st.booleans(),
    block_values=st.integers(1, 100) | st.just(blocks.BLOCK_VALUES),
)
def test_every_token_is_a_target_once_after_its_predecessor(
    num_tokens, batch_size, num_steps, with_context, block_values
):
    """However many batches are gathered at once: from one to all."""
    ids = np.arange(1000, 1000 + num_tokens)
    with mock.patch.object(blocks, "BLOCK_VALUES", block_values):
        dataset = evaluation_windows(
            ids, batch_size, num_steps, context=999 if with_context else None
        )
        batches = [tuple(part.numpy() for part in batch) for batch in dataset]
    assert int(dataset.cardinality()) == len(batches)
    shape = [batch_size, num_steps]
    assert dataset.element_spec == (
        tf.TensorSpec(shape, tf.int32),
        tf.TensorSpec(shape, tf.int32),
        tf.TensorSpec(shape, tf.float32),
    )
    inputs, targets, weights = (np.concatenate(part, axis=1) for part in zip(*batches, strict=True))
    assert set(np.unique(weights)) <= {0, 1}
    expected = ids if with_context else ids[1:]
    # Rows one after the other, padding left out, are the text in its order.
    np.testing.assert_array_equal(targets[weights == 1], expected)
    np.testing.assert_array_equal(inputs[weights == 1], expected - 1)
    assert not inputs[weights == 0].any()
    assert not targets[weights == 0].any()
    # Within a row padding comes last, so carried states never pass through it.
    assert (np.diff(weights, axis=1) <= 0).all()
    assert batches[-1][2].any(), "a batch of nothing but padding"


def test_one_row_is_one_plain_pass():
    ids = np.arange(1, 12)
    batches = list(evaluation_windows(ids, batch_size=1, num_steps=4))
    assert [inputs.numpy().tolist() for inputs, _, _ in batches] == [
        [[1, 2, 3, 4]],
        [[5, 6, 7, 8]],
        [[9, 10, 0, 0]],
    ]
    assert batches[-1][2].numpy().tolist() == [[1, 1, 0, 0]]


def test_a_large_evaluation_spans_blocks():
    ids = np.random.default_rng(0).integers(0, 250, 700_000).astype(np.uint8)
    batches = list(evaluation_windows(ids, batch_size=4, num_steps=100, context=251))
    assert len(batches) * 4 * 100 > 2 * blocks.BLOCK_VALUES
    inputs, targets, weights = (np.concatenate(part, axis=1) for part in zip(*batches, strict=True))
    np.testing.assert_array_equal(targets[weights == 1], ids)
    np.testing.assert_array_equal(inputs[weights == 1], [251, *ids[:-1]])


def test_a_memory_mapped_file(tmp_path):
    ids = np.arange(200, dtype=np.uint8)
    ids.tofile(tmp_path / "ids")
    mapped = np.memmap(tmp_path / "ids", np.uint8, mode="r")[50:]
    for from_file, from_memory in itertools.zip_longest(
        evaluation_windows(mapped, 3, 5, context=49), evaluation_windows(ids[50:], 3, 5, context=49)
    ):
        np.testing.assert_equal([*map(np.array, from_file)], [*map(np.array, from_memory)])


def test_nothing_to_evaluate():
    with pytest.raises(InputError, match=r"needs at least 2 tokens\. Received: 1 tokens"):
        evaluation_windows(np.arange(1), 1, 5)
    with pytest.raises(InputError, match=r"needs at least 1 tokens\. Received: 0 tokens"):
        evaluation_windows(np.arange(0), 1, 5, context=3)
    assert len(list(evaluation_windows(np.arange(1), 1, 5, context=3))) == 1


@pytest.mark.parametrize("name", ["batch_size", "num_steps"])
def test_wrong_arguments(name):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive integer"):
        evaluation_windows(np.arange(9), **{"batch_size": 2, "num_steps": 2, name: 0})
