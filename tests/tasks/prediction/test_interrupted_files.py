"""Commands that are interrupted, given twice at once, or given again when the input has changed."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest
from predicted_files import TEXTS, predicted, rows_of, write_objects

from tfseq.errors import InputError
from tfseq.tasks.prediction.part_files import PartFiles


def test_after_an_interruption_only_what_is_missing_is_done(trained, tmp_path):
    task = trained("text_classification")
    source = write_objects(tmp_path / "in.jsonl", "text", TEXTS)
    expected = predicted(task, source, tmp_path / "whole.jsonl")
    write, written = PartFiles.write, []

    def interrupted(self, number, rows):
        if len(written) == 3:
            raise KeyboardInterrupt
        write(self, number, rows)
        written.append(number)

    with mock.patch.object(PartFiles, "write", interrupted), pytest.raises(KeyboardInterrupt):
        predicted(task, source, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
    again, lines = [], []

    def noted(self, number, rows):
        again.append(number)
        write(self, number, rows)

    with mock.patch.object(PartFiles, "write", noted):
        rows = predicted(task, source, tmp_path / "out.jsonl", log=lines.append)
    assert (written, again) == ([0, 1, 2], [3, 4, 5, 6])
    assert rows == expected
    assert "25 rows, 12 of them before" in lines[-1]
    assert not (tmp_path / "out.jsonl.parts").exists()


@pytest.mark.slow
def test_a_killed_process_goes_on(trained, tmp_path):
    task = trained("language_model")
    source = write_objects(tmp_path / "in.jsonl", "text", TEXTS * 200)
    command = [
        sys.executable,
        str(Path(__file__).parents[3] / "pipelines" / "predict.py"),
        *("--run-dir", str(task.directory), "--input", str(source), "--part-rows", "20"),
        *("--output", str(tmp_path / "out.jsonl")),
    ]
    with subprocess.Popen(command) as process:
        while not [*(tmp_path / "out.jsonl.parts").glob("00000005-*.jsonl")]:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "out.jsonl").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "of them before" in done.stdout
    expected = predicted(task, source, tmp_path / "whole.jsonl", part_rows=20)
    assert rows_of(tmp_path / "out.jsonl") == expected


def test_two_processes_do_not_write_one_file(trained, tmp_path):
    """The other one, here the same, holds the parts while it writes them."""
    task, told = trained("text_classification"), []
    source = write_objects(tmp_path / "in.jsonl", "text", TEXTS)
    write = PartFiles.write

    def meanwhile(self, number, rows):
        if not told:
            told.append(True)
            with pytest.raises(InputError, match=r"`output` .* is being written by another"):
                predicted(task, source, tmp_path / "out.jsonl")
        write(self, number, rows)

    with mock.patch.object(PartFiles, "write", meanwhile):
        assert len(predicted(task, source, tmp_path / "out.jsonl")) == len(TEXTS)
    assert told


def test_of_a_changed_input_only_what_differs_is_done(trained, tmp_path):
    """A row that could not be used, say, late in a long file."""
    task, lines, write, again = trained("text_classification"), [], PartFiles.write, []
    texts = [*TEXTS[:9], 3, *TEXTS[10:]]
    source = write_objects(tmp_path / "in.jsonl", "text", texts)
    with pytest.raises(InputError, match=r"in.jsonl:10: an input must be a text"):
        predicted(task, source, tmp_path / "out.jsonl")
    source.write_text("\n" + source.read_text().replace(": 3}", ': "three"}'))

    def noted(self, number, rows):
        again.append(number)
        write(self, number, rows)

    with mock.patch.object(PartFiles, "write", noted):
        rows = predicted(task, source, tmp_path / "out.jsonl", log=lines.append)
    assert again == [2, 3, 4, 5, 6]
    texts[9] = "three"
    other = write_objects(tmp_path / "other.jsonl", "text", texts)
    assert rows == predicted(task, other, tmp_path / "whole.jsonl")
