"""Files are whole, old or new, before every call that touches files and whichever of them fails."""

import contextlib
import os

import numpy as np
import pytest
from file_calls import before_each_file_call

from tfseq.files.atomic_file import write_atomically
from tfseq.files.checkpoint import Checkpoint, load_latest_checkpoint, save_checkpoint
from tfseq.models import LanguageModel, NGramModel
from tfseq.report import Report
from tfseq.report.curve import PERPLEXITY, save_curves
from tfseq.runs.run_directory import RunDirectory
from tfseq.text import Vocabulary


def perplexity_curve(path, number):
    save_curves([{"epoch": 1, "train_perplexity": 2.0 + number}], path, [PERPLEXITY])


def ngram_model(path, number):
    NGramModel(2).fit(np.arange(5 + number), 9).save(path)


# How a file is written whose content depends on a number.
WRITERS = {
    "any": lambda path, number: write_atomically(path, b"content" * number),
    "vocabulary": lambda path, number: Vocabulary(map(str, range(number))).save(path),
    "n-gram model": ngram_model,
    "report": lambda path, number: Report(f"report {number}").write(path),
    "perplexity curve": perplexity_curve,
    "history": lambda path, number: RunDirectory(path.parent).write_history([{"epoch": number}]),
    "metrics": lambda path, number: RunDirectory(path.parent).write_metrics({"figure": number}),
    "samples": lambda path, number: RunDirectory(path.parent).write_samples(
        [{"epoch": number, "text": "a"}]
    ),
}
NAMES = {"history": "history.csv", "metrics": "metrics.json", "samples": "samples.txt"}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_the_old_one_or_the_new_one(name, tmp_path):
    write, path = WRITERS[name], tmp_path / NAMES.get(name, "file")
    # What is loaded at the first use opens files of its own.
    write(path, 2)
    new = path.read_bytes()
    write(path, 1)
    old = path.read_bytes()
    assert old != new

    def attempt(broken):
        events = []

        def look(event, arguments):
            if not str(arguments[0]).startswith(str(tmp_path)):
                return
            events.append(event)
            assert path.read_bytes() in (old, new)
            if len(events) == broken:
                raise OSError("no space left on device")

        with before_each_file_call(look):
            write(path, 2)
        return events

    events = attempt(broken=0)
    assert path.read_bytes() == new
    assert os.listdir(tmp_path) == [path.name]
    assert "os.rename" in events
    for number, event in enumerate(events, start=1):
        write(path, 1)
        # What is left to remove at the end stands in nobody's way.
        removes = event == "os.remove"
        failing = pytest.raises(OSError, match="no space left")
        with contextlib.suppress(OSError) if removes else failing:
            attempt(number)
        assert path.read_bytes() == (new if removes else old)
        if not removes:
            assert os.listdir(tmp_path) == [path.name]
        for left in tmp_path.glob(".*"):
            left.unlink()


def test_weights_are_the_old_ones_or_the_new_ones(tmp_path):
    directory = RunDirectory(tmp_path)
    model = LanguageModel(3, units=2)
    ones, twos = ([np.full(w.shape, n) for w in model.get_weights()] for n in (1.0, 2.0))

    def read():
        reader = LanguageModel(3, units=2)
        reader.load_weights(directory.weights)
        return [w.flat[0] for w in reader.get_weights()]

    model.set_weights(ones)
    directory.write_weights(model)
    model.set_weights(twos)

    def fail(event, arguments):
        if event == "os.rename":
            raise OSError("no space left on device")

    with before_each_file_call(fail), pytest.raises(OSError, match="no space left"):
        directory.write_weights(model)
    assert read() == [1.0] * len(ones)
    assert os.listdir(tmp_path) == ["model.weights.h5"]
    directory.write_weights(model)
    assert read() == [2.0] * len(twos)


def test_there_is_always_a_checkpoint_that_can_be_read(tmp_path):
    def attempt(place, broken=0):
        for step in (1, 2):
            save_checkpoint(place, Checkpoint(step, {"w": np.full(9, step)}, {}), keep=2)
        events = []

        def look(event, arguments):
            events.append(event)
            checkpoint, damaged = load_latest_checkpoint(place)
            assert damaged == []
            assert checkpoint.step in (2, 3)
            assert checkpoint.arrays["w"].tolist() == [checkpoint.step] * 9
            if len(events) == broken:
                raise OSError("no space left on device")

        with before_each_file_call(look):
            save_checkpoint(place, Checkpoint(3, {"w": np.full(9, 3)}, {}), keep=2)
        return events

    events = attempt(tmp_path / "whole")
    assert sorted(os.listdir(tmp_path / "whole")) == ["step-000000002.npz", "step-000000003.npz"]
    for number in range(1, len(events) + 1):
        place = tmp_path / str(number)
        # A directory that cannot be looked through counts as empty.
        with contextlib.suppress(OSError):
            attempt(place, number)
        checkpoint, damaged = load_latest_checkpoint(place)
        assert (checkpoint.step in (2, 3), damaged) == (True, [])
