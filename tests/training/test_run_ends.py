"""How a run ends that does not come to its end, and what becomes of its directory."""

import contextlib
import dataclasses
import json
import os
import shlex
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.atomic_file import WriteError
from tfseq.configuration import PathText
from tfseq.errors import InputError
from tfseq.training import SupervisedOptions, SupervisedRun, SupervisedTask
from tfseq.training.checkpointed_trainer import DivergenceError
from tfseq.training.run_directory import RunDirectory

X = np.random.default_rng(0).normal(size=[24, 3]).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]], "float32")).astype("float32")
DIVERGES = {"optimizer": "sgd", "learning_rate": 1e30, "clip_norm": None}


@dataclasses.dataclass(frozen=True)
class WithLexicon(SupervisedOptions):
    """Options of a task of one's own."""

    lexicon: PathText = "lexicon.txt"
    """A file that the task reads."""


def make(place, log=None, options_type=SupervisedOptions, **changes) -> SupervisedRun:
    """A run of least squares: three steps an epoch."""

    def prepare(options):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        rows = tf.data.Dataset.from_tensor_slices((X, Y, np.ones(24, "float32"))).batch(8)

        def validate():
            return {"validation_loss": float(np.mean((model(X).numpy() - Y) ** 2))}

        labels = {"labels.json": b"[]"}
        return SupervisedTask(
            model,
            lambda epoch: rows,
            keras.losses.mean_squared_error,
            validate,
            "a digest",
            files=labels,
        )

    options = options_type(
        **{
            "run_dir": str(place),
            "export_dir": str(place) + "-exported",
            "epochs": 2,
            "learning_rate": 0.05,
            "checkpoint_seconds": 1e9,
            "verbose": "quiet",
            **changes,
        }
    )
    lines = [] if log is None else log
    return SupervisedRun(options, "line", prepare, log=lines.append)


def meeting(job, step: int, event) -> SupervisedRun:
    """Let something happen to a run when it has done so many steps."""
    train_epoch = job.trainer.train_epoch

    def train_and_meet():
        steps = train_epoch()
        while True:
            if job.trainer.progress.step == step:
                event()
            try:
                figures = next(steps)
            except StopIteration:
                return
            yield figures

    job.trainer.train_epoch = train_and_meet
    return job


def stopping(job, step: int, error: BaseException) -> SupervisedRun:
    """Let a run meet an error when it has done so many steps."""

    def stop():
        raise error

    return meeting(job, step, stop)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights of a run that nothing happened to."""
    job = make(tmp_path_factory.mktemp("whole") / "run")
    job.fit()
    return job.model.get_weights()


def assert_same(job, whole):
    for weight, expected in zip(job.model.get_weights(), whole, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_a_run_that_diverged_at_once_leaves_its_name_free(whole, tmp_path):
    place = tmp_path / "runs" / "egg"
    with pytest.raises(DivergenceError) as caught:
        make(place, **DIVERGES).fit()
    told = f"none, it was too early. Nothing was kept: {place} is free again."
    assert str(caught.value).endswith(told)
    assert not place.exists()
    again = make(place)
    again.fit()
    assert_same(again, whole)


def test_a_directory_that_was_there_stays_and_so_does_what_a_person_put_there(
    tmp_path, monkeypatch
):
    """The shell may stand in it; and a run does not remove what it did not write."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DivergenceError, match=r"\. is free again"):
        make(".", **DIVERGES).fit()
    assert os.listdir(".") == []
    place = tmp_path / "egg"
    job = make(place, **DIVERGES)

    def add_notes():
        assert (place / "labels.json").is_file()
        (place / "notes.txt").write_text("mine")

    with pytest.raises(DivergenceError):
        meeting(job, 0, add_notes).fit()
    assert os.listdir(place) == ["notes.txt"]


def test_a_fault_of_ours_leaves_the_name_free_too(tmp_path):
    with pytest.raises(ZeroDivisionError) as caught:
        stopping(make(tmp_path / "egg"), 1, ZeroDivisionError("a bug")).fit()
    assert str(caught.value) == "a bug"
    assert caught.value.__notes__ == [f"Nothing was kept: {tmp_path / 'egg'} is free again."]
    assert not (tmp_path / "egg").exists()


def test_input_that_proves_unusable_says_that_the_name_is_free(tmp_path):
    """In the message itself, since a script prints no more than that."""
    place = tmp_path / "egg"
    with pytest.raises(InputError) as caught:
        stopping(make(place), 1, InputError("line 7 is wrong.")).fit()
    assert str(caught.value) == f"line 7 is wrong. Nothing was kept: {place} is free again."
    assert not place.exists()
    with pytest.raises(InputError) as caught:
        stopping(make(place), 4, InputError("line 7 is wrong.")).fit()
    assert str(caught.value) == "line 7 is wrong."
    assert make(place, resume=True).fit()["epochs"] == 2


@pytest.mark.parametrize(
    "error", [DivergenceError("diverged."), ZeroDivisionError("a bug")], ids=["diverged", "bug"]
)
def test_what_has_been_learned_stays(error, whole, tmp_path):
    place = tmp_path / "egg"
    with pytest.raises(type(error)) as caught:
        stopping(make(place), 4, error).fit()
    if isinstance(error, DivergenceError):
        assert str(caught.value) == "diverged. Last good checkpoint: that of step 3."
    assert (place / "model.weights.h5").is_file()
    resumed = make(place, resume=True)
    resumed.fit()
    assert_same(resumed, whole)


def test_a_run_stopped_before_its_first_checkpoint_says_how_to_use_its_name(whole, tmp_path):
    """By Ctrl-C: it can go on from the beginning, or be removed."""
    place, lines = tmp_path / "an egg", []
    with pytest.raises(KeyboardInterrupt):
        stopping(make(place, lines), 1, KeyboardInterrupt()).fit()
    quoted = shlex.quote(str(place))
    assert lines == [f"go on with --resume --run-dir {quoted}"]
    with pytest.raises(InputError) as caught:
        make(place)
    assert str(caught.value) == (
        f"`--run-dir` {place} exists. Add `--resume` to go on with that run, or name another "
        f"directory. It has no weights yet: `rm -r {quoted}` frees its name."
    )
    with RunDirectory(place).locked(), pytest.raises(InputError, match="in use by another process"):
        make(place)
    resumed = make(place, resume=True)
    resumed.fit()
    assert_same(resumed, whole)
    with pytest.raises(InputError) as caught:
        make(place)
    assert "no weights" not in str(caught.value)


def test_a_resumed_run_that_diverges_before_its_first_checkpoint(tmp_path):
    """Another process made it; it is not removed unasked."""
    place = tmp_path / "egg"
    with pytest.raises(KeyboardInterrupt):
        stopping(make(place), 0, KeyboardInterrupt()).fit()
    job = stopping(make(place, resume=True), 1, DivergenceError("diverged."))
    with pytest.raises(DivergenceError) as caught:
        job.fit()
    assert str(caught.value) == (
        "diverged. Last good checkpoint: none, it was too early. Nothing is there to go on from: "
        f"`rm -r {place}` frees its name."
    )
    assert (place / "config.json").is_file()


def test_weights_that_are_not_finite_are_never_written(tmp_path):
    """The last update of an epoch spoils them, and there is no validation to notice."""
    place = tmp_path / "egg"
    job = make(place)
    job.trainer.task = job.task = SupervisedTask(
        job.task.model, job.task.batches, job.task.loss, None, "a digest"
    )
    kernel = job.model.trainable_variables[0]
    meeting(job, 3, lambda: kernel.assign(np.full([3, 1], np.inf)))
    with pytest.raises(DivergenceError, match=r"weights that are not finite.*is free again"):
        job.fit()
    assert not place.exists()


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


@pytest.mark.parametrize(
    "file", ["checkpoints/step-000000006.npz", "curves.png", "model.weights.h5", "metrics.json"]
)
def test_a_full_disk_says_how_to_go_on(file, whole, tmp_path, full_for):
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
    assert_same(resumed, whole)
    assert json.loads((place / "metrics.json").read_text())["epochs"] == 2


@pytest.mark.parametrize("file", ["checkpoints/step-000000003.npz", "history.csv"])
def test_a_full_disk_before_the_first_checkpoint(file, whole, tmp_path, full_for):
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
    assert_same(resumed, whole)


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


def test_a_path_of_a_task_of_ones_own_may_be_given_again_as_it_was(tmp_path, monkeypatch):
    """It is kept absolute, so that it is compared as such."""
    monkeypatch.chdir(tmp_path)
    make("egg", options_type=WithLexicon, lexicon="words.txt", export=False).fit()
    make("egg", options_type=WithLexicon, lexicon="words.txt", export=False, resume=True)
    with pytest.raises(InputError, match=r"--lexicon was '.*/words\.txt' and is now '.*/w\.txt'"):
        make("egg", options_type=WithLexicon, lexicon="w.txt", export=False, resume=True)


def test_an_export_that_could_not_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "egg-exported").mkdir()
    (tmp_path / "egg-exported" / "egg").symlink_to("/no/such/disk")
    with pytest.raises(InputError, match=r"`--export-dir` .* is a link to /no/such/disk, which is"):
        make(tmp_path / "egg")
    make(tmp_path / "egg", export=False)
