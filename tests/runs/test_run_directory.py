"""Run directories: what is written reads back, and nothing is half there."""

import csv
import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

import tfseq
from tfseq.errors import InputError
from tfseq.files.result_directory import check_writable
from tfseq.runs.run_directory import RunDirectory
from tfseq.tasks.language_model.model_building import build_model
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.text import Vocabulary

OPTIONS = LanguageModelOptions(units=4, cell="lstm", embedding_size=3).with_defaults_filled()
VOCABULARY = Vocabulary(["a", "b", "\n", "猫", "\\"])


@pytest.fixture
def directory(tmp_path):
    directory = RunDirectory(tmp_path / "runs" / "egg")
    directory.create(OPTIONS, VOCABULARY, "digest")
    return directory


@pytest.fixture
def trained(directory):
    """A run with weights, and its model."""
    model = build_model(OPTIONS, len(VOCABULARY))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    directory.write_weights(model)
    return directory, model


def test_created_whole(directory):
    assert directory.name == "egg"
    assert sorted(os.listdir(directory.path)) == [
        "config.json",
        "corpus.json",
        "vocabulary.txt",
    ]
    assert os.listdir(directory.path.parent) == ["egg"]
    config = json.loads(directory.config.read_text())
    assert config.pop("task") == "language_model"
    assert LanguageModelOptions(**config) == OPTIONS
    assert Vocabulary.load(directory.vocabulary) == VOCABULARY


def test_a_run_that_exists_is_left_alone(directory):
    before = directory.config.read_bytes()
    for attempt in (directory.check_free, lambda: directory.create(OPTIONS, VOCABULARY, "digest")):
        with pytest.raises(InputError, match=r"`run_dir` .*egg exists\. Add `resume`"):
            attempt()
    assert directory.config.read_bytes() == before


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_text("x")
    directory = RunDirectory(tmp_path / "file" / "runs" / "egg")
    with pytest.raises(InputError, match=r"cannot be made: .*file is not a directory"):
        directory.create(OPTIONS, VOCABULARY, "digest")
    with pytest.raises(InputError, match=r"`export_dir` .* is not a directory"):
        check_writable(tmp_path / "file", "export_dir")
    check_writable(tmp_path / "not" / "yet", "export_dir")
    assert os.listdir(tmp_path) == ["file"]


def test_a_place_that_cannot_be_written_to(tmp_path, monkeypatch):
    """The system's answer is made up: root may write anywhere."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match=f"`run_dir` .*egg cannot be made: {tmp_path} is not w"):
        RunDirectory(tmp_path / "runs" / "egg").create(OPTIONS, VOCABULARY, "digest")
    assert os.listdir(tmp_path) == []


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Vocabulary, "save", fail)
    with pytest.raises(InputError, match="cannot be written to: No space left on device"):
        RunDirectory(tmp_path / "egg").create(OPTIONS, VOCABULARY, "digest")
    assert os.listdir(tmp_path) == []


def test_history(directory):
    history = [
        {"epoch": 1, "step": 8, "train_loss": 0.1 + 0.2, "train_perplexity": math.inf},
        {"epoch": 2, "step": 16, "train_loss": 1e-9, "validation_loss": 0.25},
    ]
    directory.write_history(history)
    directory.write_history(history[:1])
    directory.write_history(history)
    with open(directory.path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "step", "train_loss", "train_perplexity", "validation_loss"]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[0]["train_loss"]) == 0.1 + 0.2
    assert float(rows[0]["train_perplexity"]) == math.inf
    assert rows[0]["validation_loss"] == ""
    assert rows[1]["train_perplexity"] == ""
    directory.write_history(history[:1])
    lines = (directory.path / "history.csv").read_text().splitlines()
    assert lines == ["epoch,step,train_loss,train_perplexity", f"1,8,{0.1 + 0.2},inf"]
    directory.write_history([])
    assert (directory.path / "history.csv").read_text() == "epoch\n"


def test_samples(directory):
    directory.write_samples([{"epoch": 1, "text": "naïve\n"}, {"epoch": 3, "text": "猫"}])
    text = (directory.path / "samples.txt").read_text(encoding="utf-8")
    assert text == "epoch 1\nnaïve\n\n\nepoch 3\n猫\n\n"


def test_metrics_are_json_that_any_reader_takes(trained):
    """Infinity is no JSON: such a figure is null."""
    directory, _ = trained
    assert tfseq.load(directory.path).metrics == {}
    directory.write_metrics({"corpus_tokens": 5, "train_perplexity": math.inf, "seed": 0})

    def refuse(word):
        raise AssertionError(word)

    read = json.loads(directory.metrics.read_text(), parse_constant=refuse)
    assert read == {"corpus_tokens": 5, "train_perplexity": None, "seed": 0}
    assert tfseq.load(directory.path).metrics == read


def test_one_process_at_a_time(directory):
    """The lock is the system's: a child that holds it and is killed has let go of it."""
    with directory.locked(), pytest.raises(InputError, match="in use"), directory.locked():
        pass
    script = (
        "import fcntl, sys\nfile = open(sys.argv[1], 'w')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\nprint('held', flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(directory.path / ".lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout.readline() == "held\n"
        with (
            pytest.raises(InputError, match="egg is in use by another process"),
            directory.locked(),
        ):
            pass
        child.kill()
        child.wait(timeout=60)
        with directory.locked():
            pass


def test_read_back(trained):
    directory, model = trained
    run = tfseq.load(str(directory.path))
    assert run.options == OPTIONS
    assert run.vocabulary == VOCABULARY
    assert run.tokenizer.get_config() == {
        "kind": "char",
        "normalization": "none",
        "case_fold": False,
    }
    ids = np.array([[0, 3, 5, 1]], "int32")
    np.testing.assert_array_equal(run.model(ids), model(ids))
    assert not [name for name in os.listdir(directory.path) if "partial" in name]
    assert (run.directory, run.run) == (directory.path, directory)


def test_weights_are_replaced_whole(trained, monkeypatch):
    directory, model = trained
    before = directory.weights.read_bytes()

    def fail(path):
        path.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(model, "save_weights", fail)
    with pytest.raises(OSError, match="no space"):
        directory.write_weights(model)
    assert directory.weights.read_bytes() == before
    assert not [name for name in os.listdir(directory.path) if "partial" in name]


def test_a_run_that_cannot_be_read(trained, tmp_path):
    directory, _ = trained
    with pytest.raises(InputError, match="nowhere is not a directory"):
        tfseq.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"is not a run: it has no config\.json"):
        tfseq.load(tmp_path)
    good = directory.weights.read_bytes()
    for damaged in (b"", b"no weights", good[: len(good) // 2]):
        directory.weights.write_bytes(damaged)
        with pytest.raises(InputError, match=r"egg: its weights are damaged, or do not fit"):
            tfseq.load(directory.path)
    directory.weights.unlink()
    with pytest.raises(InputError, match=r"has no weights yet"):
        tfseq.load(directory.path)


def test_weights_of_another_vocabulary(trained):
    directory, _ = trained
    Vocabulary(["a", "b"]).save(directory.vocabulary)
    with pytest.raises(InputError, match="damaged, or do not fit"):
        tfseq.load(directory.path)


def test_without_a_vocabulary(trained):
    directory, _ = trained
    directory.vocabulary.unlink()
    with pytest.raises(InputError, match=r"egg/vocabulary\.txt cannot be read: No such"):
        tfseq.load(directory.path)


def test_text_as_ids_of_the_run(trained, tmp_path, monkeypatch):
    directory, _ = trained
    monkeypatch.setenv("TFSEQ_CACHE", str(tmp_path / "cache"))
    (tmp_path / "text.txt").write_text("ab猫?a\\")
    encoded = tfseq.load(directory.path).encode(str(tmp_path / "text.txt"))
    assert list(encoded.ids) == [1, 2, 4, 0, 1, 5]
    assert len(encoded.validation) == 0


def test_an_empty_directory_is_taken(tmp_path):
    (tmp_path / "egg").mkdir()
    RunDirectory(tmp_path / "egg").create(OPTIONS, VOCABULARY, "digest")
    assert (tmp_path / "egg" / "config.json").is_file()


def test_the_text_may_not_change(directory):
    directory.check_fingerprint("digest", "the text")
    with pytest.raises(InputError, match="the text is not the one that the run"):
        directory.check_fingerprint("another digest", "the text")
    directory.corpus.write_text("[]")
    with pytest.raises(InputError, match=r"corpus\.json cannot be read"):
        directory.check_fingerprint("digest", "the text")


@pytest.mark.parametrize("name", ["x" * 300, "x" * 250])
def test_names_that_are_too_long(name, tmp_path):
    with pytest.raises(InputError, match=r"`run_dir` .* cannot be made: (its|File) name"):
        RunDirectory(tmp_path / name).check_free()
    assert not list(tmp_path.iterdir())
