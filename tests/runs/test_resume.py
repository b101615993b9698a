"""What a resumed run may change, what it refuses, and what it does with damage."""

import shutil
from pathlib import Path

import pytest
from pipeline_scripts import script

from .killed_runs import (
    after_some_steps,
    arguments,
    assert_same_run,
    newest,
    options_of,
    train,
    train_and_kill,
)


@pytest.fixture(scope="module")
def first_epoch(corpus, tmp_path_factory) -> Path:
    run_dir = tmp_path_factory.mktemp("first") / "epoch"
    train(corpus, run_dir, *options_of("rnn"), "--epochs=1")
    return run_dir


@pytest.fixture
def one_epoch(first_epoch, tmp_path) -> Path:
    """A run that was to have one epoch, and had it."""
    return shutil.copytree(first_epoch, tmp_path / "run")


@pytest.mark.slow
def test_damaged_checkpoint_and_more_epochs(corpus, whole, one_epoch):
    """The newest checkpoint is passed over, aloud; `--epochs` grows; options need no repeating."""
    name = newest(one_epoch)
    path = one_epoch / "checkpoints" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)

    output = train(corpus, one_epoch, "--resume", "--epochs=3")

    assert f"warning: checkpoint {name} is damaged" in output
    assert_same_run(one_epoch, whole("rnn"))


@pytest.mark.slow
def test_a_run_that_grew_and_was_killed_grows_on(corpus, whole, one_epoch):
    """Killed after `--epochs` grew, a plain `--resume` goes to the new end, not to the old."""
    grow = ["--resume", "--epochs=3"]
    assert train_and_kill(corpus, one_epoch, after_some_steps(5, 0), *grow)
    train(corpus, one_epoch, "--resume")
    assert_same_run(one_epoch, whole("rnn"))


def test_resume_refuses_another_text(corpus, one_epoch, tmp_path):
    """Also where a run has come no further than its configuration."""
    another = tmp_path / "another.txt"
    another.write_text(corpus.read_text().replace("light", "night"))
    given = arguments(another, one_epoch, "--resume")
    message = "the text is not the one that the run"
    assert message in script("train_language_model", *given, cwd=tmp_path, expected=2).stderr
    shutil.rmtree(one_epoch / "checkpoints")
    assert message in script("train_language_model", *given, cwd=tmp_path, expected=2).stderr


def test_resume_refuses_another_configuration(corpus, one_epoch, tmp_path):
    before = {p: p.read_bytes() for p in one_epoch.rglob("*") if p.is_file()}
    given = arguments(corpus, one_epoch, "--resume", "--units=9", "--dropout=0.2")
    error = script("train_language_model", *given, cwd=tmp_path, expected=2).stderr
    assert "`--units` was 8 and is now 9" in error
    assert "`--dropout` was 0.3 and is now 0.2" in error
    assert "Traceback" not in error
    assert {p: p.read_bytes() for p in one_epoch.rglob("*") if p.is_file()} == before
