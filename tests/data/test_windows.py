"""Windows against the definition, worked out by hand or in plain Python."""

import gc
import itertools
import weakref
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.data import blocks, num_batches, random_windows, sequential_windows
from tfseq.errors import InputError

BOTH = pytest.mark.parametrize("windows", [random_windows, sequential_windows])


def collect(dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(inputs.numpy(), targets.numpy()) for inputs, targets in dataset]


def test_sequential_windows_of_the_worked_example():
    batches = collect(sequential_windows(np.arange(35), batch_size=2, num_steps=5, offset=0))
    rows = [
        [[0, 1, 2, 3, 4], [17, 18, 19, 20, 21]],
        [[5, 6, 7, 8, 9], [22, 23, 24, 25, 26]],
        [[10, 11, 12, 13, 14], [27, 28, 29, 30, 31]],
    ]
    np.testing.assert_equal([inputs.tolist() for inputs, _ in batches], rows)
    np.testing.assert_equal([(targets - 1).tolist() for _, targets in batches], rows)


def test_random_windows_of_the_worked_example_are_its_stretches_once_each():
    batches = collect(random_windows(np.arange(35), batch_size=2, num_steps=5, offset=0))
    rows = [row.tolist() for inputs, _ in batches for row in inputs]
    assert sorted(rows) == [list(range(start, start + 5)) for start in range(0, 30, 5)]
    assert rows != sorted(rows)


@st.composite
def epochs(draw):
    """Arguments of an epoch with at least one batch: (num_tokens, keyword arguments)."""
    batch_size, num_steps = draw(st.integers(1, 6)), draw(st.integers(1, 12))
    offset = draw(st.none() | st.integers(0, num_steps - 1))
    least = batch_size * num_steps + 1 + (offset or 0)
    num_tokens = least + draw(st.integers(0, 300))
    return num_tokens, {
        "batch_size": batch_size,
        "num_steps": num_steps,
        "seed": draw(st.integers(0, 2**40)),
        "epoch": draw(st.integers(0, 1000)),
        "offset": offset,
    }


@BOTH
@settings(max_examples=25, deadline=None)
@given(
    case=epochs(), block_values=st.integers(1, 100) | st.just(blocks.BLOCK_VALUES), data=st.data()
)
def test_windows_keep_their_contract_at_any_size(windows, case, block_values, data):
    """However many batches are gathered at once: from one to all."""
    num_tokens, arguments = case
    batch_size, num_steps = arguments["batch_size"], arguments["num_steps"]
    with mock.patch.object(blocks, "BLOCK_VALUES", block_values):
        dataset = windows(np.arange(num_tokens), **arguments)
    spec = tf.TensorSpec([batch_size, num_steps], tf.int32)
    assert dataset.element_spec == (spec, spec)
    batches = collect(dataset)
    assert int(dataset.cardinality()) == len(batches) >= 1

    for inputs, targets in batches:
        np.testing.assert_array_equal(inputs, inputs[:, :1] + np.arange(num_steps))
        np.testing.assert_array_equal(targets, inputs + 1)
    assert max(int(targets.max()) for _, targets in batches) < num_tokens
    starts = np.concatenate([inputs[:, 0] for inputs, _ in batches])
    if windows is random_windows:
        [offset] = set((starts % num_steps).tolist())
        assert len(set(starts.tolist())) == len(starts)
    else:
        offset = int(starts[0])
        assert 0 <= offset < num_steps
        row = (num_tokens - offset - 1) // batch_size
        np.testing.assert_array_equal(batches[0][0][:, 0], offset + row * np.arange(batch_size))
        for (inputs, _), (following, _) in itertools.pairwise(batches):
            np.testing.assert_array_equal(following[:, 0], inputs[:, -1] + 1)
    assert arguments["offset"] in (None, offset)
    assert len(batches) == num_batches(num_tokens, batch_size, num_steps, offset)

    start = data.draw(st.integers(0, len(batches)))
    rest = windows(np.arange(num_tokens), **arguments, start_batch=start)
    assert int(rest.cardinality()) == len(batches) - start
    np.testing.assert_equal(collect(rest), batches[start:])


@BOTH
def test_an_epoch_can_be_taken_up_at_any_batch_across_blocks(windows, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_VALUES", 4 * 2 * 5)
    arguments = {"batch_size": 2, "num_steps": 5, "seed": 3, "epoch": 2}
    batches = collect(windows(np.arange(300), **arguments))
    for start in range(len(batches) + 1):
        rest = collect(windows(np.arange(300), **arguments, start_batch=start))
        np.testing.assert_equal(rest, batches[start:])


@BOTH
def test_seed_and_epoch_determine_the_batches(windows):
    def first(**arguments):
        return collect(windows(np.arange(5000), 2, 50, **arguments))[0][0].tolist()

    assert first(seed=7, epoch=3) == first(seed=7, epoch=3)
    variants = [first(seed=seed, epoch=epoch) for seed in (7, 8) for epoch in range(5)]
    assert len({str(variant) for variant in variants}) > 7


def test_every_offset_is_drawn():
    offsets = {
        collect(sequential_windows(np.arange(100), 2, 5, epoch=epoch))[0][0][0, 0]
        for epoch in range(60)
    }
    assert offsets == {0, 1, 2, 3, 4}


@BOTH
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int64])
def test_any_integer_type_and_a_memory_mapped_file_give_the_same(windows, dtype, tmp_path):
    ids = np.random.default_rng(0).integers(0, 200, 3000)
    ids.astype(dtype).tofile(tmp_path / "ids")
    mapped = np.memmap(tmp_path / "ids", dtype, mode="r")
    expected = collect(windows(ids[100:].tolist(), 8, 7, seed=5))
    np.testing.assert_equal(collect(windows(ids[100:].astype(dtype), 8, 7, seed=5)), expected)
    np.testing.assert_equal(collect(windows(mapped[100:], 8, 7, seed=5)), expected)
    np.testing.assert_array_equal(mapped, ids)


@pytest.mark.parametrize("mode", ["c", "r+"])
def test_changes_made_to_a_mapped_array_are_not_lost(mode, tmp_path):
    np.zeros(1000, np.uint8).tofile(tmp_path / "ids")
    mapped = np.memmap(tmp_path / "ids", np.uint8, mode=mode)
    mapped[:] = 7
    assert collect(random_windows(mapped, 2, 5))[0][0].tolist() == [[7] * 5] * 2
    assert mapped.min() == 7


@BOTH
def test_too_little_text_says_how_much_is_needed(windows):
    assert len(list(windows(np.arange(71), 2, 35))) == 1
    with pytest.raises(InputError, match=r"at least 71 tokens\. Received: 70 tokens"):
        windows(np.arange(70), 2, 35)
    with pytest.raises(InputError, match=r"at least 75 tokens\. Received: 74 tokens"):
        windows(np.arange(74), 2, 35, offset=4)
    assert len(list(windows(np.arange(75), 2, 35, offset=4))) == 1


@BOTH
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"batch_size": 0},
            "`batch_size` must be a positive integer. Received: batch_size=0",
        ),
        ({"num_steps": -3}, "`num_steps` must be"),
        ({"seed": -1}, "`seed` must be"),
        ({"epoch": -1}, "`epoch` must be"),
        ({"start_batch": -1}, "`start_batch` must be an integer from 0 to 3"),
        (
            {"start_batch": 4},
            "`start_batch` must be an integer from 0 to 3. Received: start_batch=4",
        ),
        ({"offset": 5}, r"`offset` must be an integer from 0 to 4. Received: offset=5"),
        ({"offset": -1}, "`offset` must be"),
    ],
)
def test_wrong_arguments(windows, arguments, message):
    arguments = {"batch_size": 2, "num_steps": 5, **arguments}
    with pytest.raises(ValueError, match=message):
        windows(np.arange(35), **arguments)


@BOTH
@pytest.mark.parametrize("name", ["batch_size", "num_steps", "seed", "epoch", "start_batch"])
@pytest.mark.parametrize("value", [True, 2.0, "2", None])
def test_what_is_no_integer(windows, name, value):
    arguments = {"batch_size": 2, "num_steps": 5, name: value}
    with pytest.raises(ValueError, match=f"`{name}` must be .* integer.*Received: {name}="):
        windows(np.arange(35), **arguments)


@BOTH
@pytest.mark.parametrize("ids", [np.zeros([3, 4], np.int32), np.zeros(100), ["a", "b"]])
def test_wrong_ids(windows, ids):
    with pytest.raises(TypeError, match="`ids` must be a one-dimensional array of integers"):
        windows(ids, 2, 5)


def test_a_used_up_epoch_lets_go_of_its_ids():
    class Ids(np.ndarray):
        pass

    ids = np.arange(1000).view(Ids)
    collect(random_windows(ids, 2, 5))
    reference = weakref.ref(ids)
    del ids
    gc.collect()
    assert reference() is None
