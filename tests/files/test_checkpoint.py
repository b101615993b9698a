"""Checkpoints: what is read back is what was written, or it is not read back at all."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfseq.files import checkpoint as module
from tfseq.files.atomic_file import write_atomically
from tfseq.files.checkpoint import (
    Checkpoint,
    list_checkpoints,
    load_latest_checkpoint,
    save_checkpoint,
)


def a_checkpoint(step=7):
    return Checkpoint(
        step,
        {
            "model/0": np.arange(6, dtype="float32").reshape(2, 3) + step,
            "optimizer/0": np.array(step, "int64"),
            "best/0": np.zeros([0, 4]),
        },
        {"epoch": 1, "loss_sum": 0.1 + step, "history": [{"epoch": 1, "text": "naïve\n猫"}]},
    )


def assert_same(actual, expected):
    assert actual.step == expected.step
    assert actual.metadata == expected.metadata
    assert actual.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        assert actual.arrays[name].dtype == array.dtype
        assert actual.arrays[name].shape == array.shape
        assert actual.arrays[name].tobytes() == array.tobytes()


@settings(max_examples=40)
@given(
    arrays=st.dictionaries(
        st.from_regex(r"[a-z]+/[0-9]+", fullmatch=True),
        st.sampled_from(["float32", "float64", "int64", "uint32", "uint8"]).flatmap(
            lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
        ),
        max_size=4,
    ),
    metadata=st.dictionaries(
        st.text(),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    ),
    step=st.integers(0, 10**9 - 1),
)
def test_read_back_bit_by_bit(tmp_path_factory, arrays, metadata, step):
    directory = tmp_path_factory.mktemp("checkpoints")
    written = Checkpoint(step, arrays, metadata)
    save_checkpoint(directory, written)
    restored, damaged = load_latest_checkpoint(directory)
    assert damaged == []
    assert_same(restored, written)


def test_the_newest_are_kept_in_the_order_of_their_steps(tmp_path):
    for step in (5, 90, 100, 1000):
        save_checkpoint(tmp_path, a_checkpoint(step), keep=3)
    names = [path.name for path in list_checkpoints(tmp_path)]
    assert names == ["step-000000090.npz", "step-000000100.npz", "step-000001000.npz"]
    assert sorted(os.listdir(tmp_path)) == names
    save_checkpoint(tmp_path, a_checkpoint(1001))
    assert [path.name for path in list_checkpoints(tmp_path)] == [
        "step-000001000.npz",
        "step-000001001.npz",
    ]
    assert_same(load_latest_checkpoint(tmp_path)[0], a_checkpoint(1001))


def test_the_same_step_again_takes_its_place(tmp_path):
    save_checkpoint(tmp_path, a_checkpoint(7))
    again = Checkpoint(7, {"w": np.ones(3)}, {})
    save_checkpoint(tmp_path, again)
    assert len(list_checkpoints(tmp_path)) == 1
    assert_same(load_latest_checkpoint(tmp_path)[0], again)


@pytest.mark.parametrize("exists", [True, False])
def test_no_checkpoint(tmp_path, exists):
    directory = tmp_path if exists else tmp_path / "nowhere"
    assert list_checkpoints(directory) == []
    assert load_latest_checkpoint(directory) == (None, [])


def test_other_files_are_no_checkpoints(tmp_path):
    for name in (
        "step-12.npz",
        "step-000000009.npz.bak",
        "notes.txt",
        ".step-000000009.npz.1.partial",
    ):
        (tmp_path / name).write_bytes(b"x")
    assert list_checkpoints(tmp_path) == []


@pytest.fixture
def pair(tmp_path):
    """Two checkpoints; the bytes of the newer one are what is damaged."""
    save_checkpoint(tmp_path, a_checkpoint(1))
    path = save_checkpoint(tmp_path, a_checkpoint(2))
    return tmp_path, path, path.read_bytes()


def assert_passed_over(directory, path):
    restored, damaged = load_latest_checkpoint(directory)
    assert damaged == [path]
    assert_same(restored, a_checkpoint(1))


def test_flipped_bits_are_noticed(pair):
    """Also in the records that the archive keeps of itself, which its own checksums miss."""
    directory, path, content = pair
    rng = np.random.default_rng(0)
    for place in {*range(0, len(content), 7), *range(len(content) - 450, len(content))}:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        assert_passed_over(directory, path)


def test_every_truncation_is_noticed(pair):
    directory, path, content = pair
    for length in (0, 1, 31, 32, 33, *range(40, len(content), 37), len(content) - 1):
        path.write_bytes(content[:length])
        assert_passed_over(directory, path)


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"PK\3\4 no archive", b"\x93NUMPY" * 20])
def test_other_content_is_noticed(pair, content):
    directory, path, _ = pair
    path.write_bytes(content)
    assert_passed_over(directory, path)


def test_something_appended_is_noticed(pair):
    directory, path, content = pair
    path.write_bytes(content + b"\0")
    assert_passed_over(directory, path)


def test_figures_that_are_not_finite_are_kept(tmp_path):
    """A perplexity may be infinite, and a run that has one is saved like any other."""
    written = Checkpoint(7, {}, {"history": [{"train_perplexity": float("inf")}]})
    save_checkpoint(tmp_path, written)
    assert_same(load_latest_checkpoint(tmp_path)[0], written)


def test_a_directory_in_its_place_is_passed_over(pair):
    directory, path, _ = pair
    path.unlink()
    path.mkdir()
    assert_passed_over(directory, path)


def test_all_damaged(pair):
    directory, path, _ = pair
    first = list_checkpoints(directory)[0]
    path.write_bytes(b"")
    first.write_bytes(b"")
    assert load_latest_checkpoint(directory) == (None, [path, first])


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    (tmp_path / ".step-000000003.npz.4242.partial").write_bytes(b"half")
    save_checkpoint(tmp_path, a_checkpoint())
    assert os.listdir(tmp_path) == ["step-000000007.npz"]


class StoppedError(Exception):
    """Stands for the end of the process at that call."""


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_stopped_while_writing(tmp_path, monkeypatch, call):
    """Whatever has not been renamed is not there, and what was there still is."""
    save_checkpoint(tmp_path, a_checkpoint(1))

    def stop(*_):
        raise StoppedError

    monkeypatch.setattr(module.os, call, stop)
    with pytest.raises(StoppedError):
        save_checkpoint(tmp_path, a_checkpoint(2))
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["step-000000001.npz"]
    assert_same(load_latest_checkpoint(tmp_path)[0], a_checkpoint(1))


def test_flushed_to_the_disk_before_it_is_renamed(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(number):
        calls.append(("fsync", os.fstat(number).st_size))
        fsync(number)

    def watched_replace(source, target):
        calls.append(("replace", os.path.getsize(source)))
        replace(source, target)

    monkeypatch.setattr(module.os, "fsync", watched_fsync)
    monkeypatch.setattr(module.os, "replace", watched_replace)
    write_atomically(tmp_path / "file", b"whole")
    assert calls == [("fsync", 5), ("replace", 5)]
    assert (tmp_path / "file").read_bytes() == b"whole"
    write_atomically(tmp_path / "file", b"")
    assert (tmp_path / "file").read_bytes() == b""
    assert os.listdir(tmp_path) == ["file"]
