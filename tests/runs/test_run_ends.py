"""How a run ends that does not come to its end, and what becomes of its directory."""

import dataclasses
import os
import shlex

import numpy as np
import pytest
from stopping import meeting, stopping

from tfseq.errors import InputError
from tfseq.options.rules import PathText
from tfseq.options.training_options import TrainingOptions
from tfseq.runs.run_directory import RunDirectory
from tfseq.runs.trainer import DivergenceError

from .small_run import assert_same, make

DIVERGES = {"optimizer": "sgd", "learning_rate": 1e30, "clip_norm": None}


@dataclasses.dataclass(frozen=True)
class WithLexicon(TrainingOptions):
    """Options of a task of one's own."""

    lexicon: PathText = "lexicon.txt"
    """A file that the task reads."""


def test_a_run_that_diverged_at_once_leaves_its_name_free(whole_weights, tmp_path):
    place = tmp_path / "runs" / "egg"
    with pytest.raises(DivergenceError) as caught:
        make(place, **DIVERGES).fit()
    told = f"none, it was too early. Nothing was kept: {place} is free again."
    assert str(caught.value).endswith(told)
    assert not place.exists()
    again = make(place)
    again.fit()
    assert_same(again, whole_weights)


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
def test_what_has_been_learned_stays(error, whole_weights, tmp_path):
    place = tmp_path / "egg"
    with pytest.raises(type(error)) as caught:
        stopping(make(place), 4, error).fit()
    if isinstance(error, DivergenceError):
        assert str(caught.value) == "diverged. Last good checkpoint: that of step 3."
    assert (place / "model.weights.h5").is_file()
    resumed = make(place, resume=True)
    resumed.fit()
    assert_same(resumed, whole_weights)


def test_a_run_stopped_before_its_first_checkpoint_says_how_to_use_its_name(
    whole_weights, tmp_path
):
    """By Ctrl-C: it can go on from the beginning, or be removed."""
    place, lines = tmp_path / "an egg", []
    with pytest.raises(KeyboardInterrupt):
        stopping(make(place, lines), 1, KeyboardInterrupt()).fit()
    quoted = shlex.quote(str(place))
    assert lines == [f"go on with --resume --run-dir {quoted}"]
    with pytest.raises(InputError) as caught:
        make(place)
    assert str(caught.value) == (
        f"`run_dir` {place} exists. Add `resume` to go on with that run, or name another "
        f"directory. It has no weights yet: `rm -r {quoted}` frees its name."
    )
    with RunDirectory(place).locked(), pytest.raises(InputError, match="in use by another process"):
        make(place)
    resumed = make(place, resume=True)
    resumed.fit()
    assert_same(resumed, whole_weights)
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
    job = make(place, validates=False)
    kernel = job.model.trainable_variables[0]
    meeting(job, 3, lambda: kernel.assign(np.full([3, 1], np.inf)))
    with pytest.raises(DivergenceError, match=r"weights that are not finite.*is free again"):
        job.fit()
    assert not place.exists()


def test_a_path_of_a_task_of_ones_own_may_be_given_again_as_it_was(tmp_path, monkeypatch):
    """It is kept absolute, so that it is compared as such."""
    monkeypatch.chdir(tmp_path)
    make("egg", options_type=WithLexicon, lexicon="words.txt", export=False).fit()
    make("egg", options_type=WithLexicon, lexicon="words.txt", export=False, resume=True)
    with pytest.raises(InputError, match=r"`lexicon` was '.*/words\.txt' and is now '.*/w\.txt'"):
        make("egg", options_type=WithLexicon, lexicon="w.txt", export=False, resume=True)
