"""What a run does where its files or its export cannot be written, or are not there any more."""

import contextlib
import json
import os
import shutil

import pytest
from stopping import stopping

from tfseq.errors import InputError
from tfseq.files.atomic_file import WriteError

from .small_run import assert_same, make


@pytest.fixture
def full_for(monkeypatch):
    """Makes the disk full for one file."""

    @contextlib.contextmanager
    def full_disk(path):
        replace = os.replace

        def replace_others(source, target):
            if str(target) == str(path):
                raise OSError(28, "No space left on device")
            replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace_others)
            yield

    return full_disk


@pytest.mark.slow
@pytest.mark.parametrize(
    "file", ["checkpoints/step-000000006.npz", "curves.png", "model.weights.h5", "metrics.json"]
)
def test_a_full_disk_says_how_to_go_on(file, whole_weights, tmp_path, full_for):
    """What is whole stays, and the run goes on to the weights that it would have had."""
    place = tmp_path / "egg"
    with pytest.raises(KeyboardInterrupt):
        stopping(make(place), 4, KeyboardInterrupt()).fit()
    with full_for(place / file), pytest.raises(InputError) as caught:
        make(place, resume=True).fit()
    assert not isinstance(caught.value, WriteError)
    assert str(caught.value) == (
        f"{place / file} cannot be written: No space left on device. Free some space there, then "
        f"go on with `--resume --run-dir {place}`."
    )
    assert not list(place.rglob("*partial*"))
    resumed = make(place, resume=True)
    resumed.fit()
    assert_same(resumed, whole_weights)
    assert json.loads((place / "metrics.json").read_text())["epochs"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("file", ["checkpoints/step-000000003.npz", "history.csv"])
def test_a_full_disk_before_the_first_checkpoint(file, whole_weights, tmp_path, full_for):
    """Leaves the name free; but a run that another process made stays, to go on with."""
    place = tmp_path / "egg"
    start = f"{place / file} cannot be written: No space left on device. Free some space there, "
    with full_for(place / file), pytest.raises(InputError) as caught:
        make(place).fit()
    told = f"then try again. Nothing was kept: {place} is free again."
    assert str(caught.value) == start + told
    assert not place.exists()
    with pytest.raises(KeyboardInterrupt):
        stopping(make(place), 1, KeyboardInterrupt()).fit()
    with full_for(place / file), pytest.raises(InputError) as caught:
        make(place, resume=True).fit()
    assert str(caught.value) == start + f"then go on with `--resume --run-dir {place}`."
    resumed = make(place, resume=True)
    resumed.fit()
    assert_same(resumed, whole_weights)


@pytest.mark.slow
def test_an_export_that_failed_is_made_up_for(tmp_path):
    """Once for the same weights, and again when there are others."""
    place, lines = tmp_path / "egg", []
    base = tmp_path / "egg-exported" / "egg"

    def fail(directory):
        raise InputError("no room.")

    def write(directory):
        assert directory == base
        version = directory / str(len(list(directory.glob("*"))) + 1)
        version.mkdir(parents=True)
        return version

    job = make(place, lines)
    job.fit()
    with pytest.raises(InputError) as caught:
        job.export(fail)
    told = f"no room. The run itself is whole: `--resume --run-dir {place}` exports it."
    assert str(caught.value) == told
    for epochs, versions in ((2, 1), (2, 1), (3, 2), (3, 2)):
        job = make(place, lines, resume=True, epochs=epochs)
        job.fit()
        job.export(write)
        assert len(os.listdir(base)) == versions
    assert [line for line in lines if "exported" in line] == [
        f"exported  {base / '1'}",
        f"exported before, to {base / '1'}",
        f"exported  {base / '2'}",
        f"exported before, to {base / '2'}",
    ]
    make(place, resume=True, epochs=4, export=False).export(fail)


def test_a_finished_run_is_exported_where_no_export_of_it_stands(tmp_path, monkeypatch):
    """To another directory, and again after the version was removed; by whatever path."""
    monkeypatch.chdir(tmp_path)
    place, lines = tmp_path / "egg", []

    def write(directory):
        version = directory / "1"
        version.mkdir(parents=True)
        return version

    def export(export_dir, resume=True):
        job = make(place, lines, resume=resume, export_dir=str(export_dir))
        job.fit()
        lines.clear()
        job.export(write)
        return lines

    first, second = tmp_path / "first" / "egg" / "1", tmp_path / "second" / "egg" / "1"
    assert export("first", resume=False) == ["exported  first/egg/1"]
    (tmp_path / "link").symlink_to("first")
    for same in ("first", tmp_path / "first", "link"):
        assert export(same) == [f"exported before, to {first}"]
    assert export(tmp_path / "second") == [f"exported  {second}"]
    assert second.is_dir()
    shutil.rmtree(tmp_path / "second")
    assert export(tmp_path / "second") == [f"exported  {second}"]
    second.rmdir()
    assert export(tmp_path / "second") == [f"exported  {second}"]


def test_an_export_that_could_not_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "egg-exported").mkdir()
    (tmp_path / "egg-exported" / "egg").symlink_to("/no/such/disk")
    with pytest.raises(InputError, match=r"`export_dir` .* is a link to /no/such/disk, which is"):
        make(tmp_path / "egg")
    make(tmp_path / "egg", export=False)


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    """By the one that goes on; what a person put there stays."""
    place = tmp_path / "egg"
    make(place).fit()
    for name in (
        ".history.csv.12.partial",
        ".model.weights.h5.12.partial.weights.h5",
        "checkpoints/.step-000000003.npz.12.partial",
    ):
        (place / name).write_text("half")
    (place / "notes.partial").write_text("mine")
    make(place, resume=True).fit()
    assert [p.name for p in place.rglob("*partial*")] == ["notes.partial"]
