"""Files that are whole or absent, whoever writes them and whatever the disk says."""

import errno
import os

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure
from small_disk import file_limit

import tfseq
from tfseq.data import encode_corpus
from tfseq.errors import InputError
from tfseq.files.atomic_file import WriteError, advised, atomic_file, write_atomically, writing
from tfseq.files.checkpoint import Checkpoint, list_checkpoints, save_checkpoint
from tfseq.report import Report
from tfseq.report.curve import save_figure
from tfseq.runs.event_log import EventLog
from tfseq.runs.run_directory import RunDirectory
from tfseq.serving.export import export_module
from tfseq.text import Corpus

LARGE = np.arange(20_000, dtype="float32")


def picture(path):
    figure = Figure(figsize=(8, 8))
    figure.add_subplot().imshow(np.random.default_rng(0).random((200, 200)))
    save_figure(figure, path / "curve.png")


def weights(path):
    RunDirectory(path).write_weights(tfseq.LanguageModel(30, units=40, cell="lstm"))


WRITERS = {
    "checkpoints/step-000000007.npz": lambda path: save_checkpoint(
        path / "checkpoints", Checkpoint(7, {"w": LARGE}, {})
    ),
    "model.weights.h5": weights,
    "history.csv": lambda path: RunDirectory(path).write_history(
        [{"epoch": n} for n in range(999)]
    ),
    "samples.txt": lambda path: RunDirectory(path).write_samples(
        [{"epoch": 1, "text": "x" * 9999}]
    ),
    "metrics.json": lambda path: RunDirectory(path).write_metrics({"m": "x" * 9999}),
    "curve.png": picture,
    "report.html": lambda path: Report("Egg").write(path / "report.html"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk(name, tmp_path, capfd):
    """What was there stays, nothing half-written does, the error names the file, and afterwards,
    when there is room, the same is written."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"before")
    with pytest.raises(WriteError) as caught, file_limit(1000):
        WRITERS[name](tmp_path)
    assert caught.value.errno in (errno.EFBIG, errno.ENOSPC)
    assert caught.value.filename == str(tmp_path / name)
    assert caught.value.strerror == os.strerror(caught.value.errno)
    assert (tmp_path / name).read_bytes() == b"before"
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [os.path.basename(name)]
    assert "Traceback" not in capfd.readouterr().err  # HDF5 complains where no one can catch it.
    WRITERS[name](tmp_path)
    assert (tmp_path / name).stat().st_size > 1000
    assert not list(tmp_path.rglob("*partial*"))


def test_older_checkpoints_stay(tmp_path):
    for step in (1, 2):
        save_checkpoint(tmp_path, Checkpoint(step, {"w": LARGE[:10]}, {}))
    with pytest.raises(WriteError, match=r"step-000000003\.npz"), file_limit(2000):
        save_checkpoint(tmp_path, Checkpoint(3, {"w": LARGE}, {}))
    assert [p.name[5:14] for p in list_checkpoints(tmp_path)] == ["000000001", "000000002"]


def test_an_event_file_keeps_whole_events(tmp_path):

    def write() -> None:
        with EventLog(tmp_path) as log:
            for step in range(99):
                log.write(step, {"loss": 1.0})

    with pytest.raises(WriteError, match=r"events\.out\.tfevents"), file_limit(400):
        write()
    (path,) = tmp_path.iterdir()
    events = list(tf.data.TFRecordDataset(str(path)))  # Raises where half an event is left.
    assert 2 < len(events) < 20
    with pytest.raises(WriteError), file_limit(20):
        EventLog(tmp_path / "new")
    assert os.listdir(tmp_path / "new") == []


def test_a_corpus_cache(tmp_path):
    """The message says where the room is lacking, and how to go on without it."""
    corpus = Corpus("egg", lambda: [["the time machine " * 400]])
    with pytest.raises(InputError) as caught, file_limit(1000):
        encode_corpus(corpus, tfseq.CharTokenizer(), cache_dir=tmp_path / "cache")
    assert str(caught.value) == (
        f"{tmp_path / 'cache'} cannot be written: File too large. Free some space there, then try "
        "again. Set the environment variable TFSEQ_CACHE to another directory."
    )
    assert list((tmp_path / "cache").iterdir()) == []
    encoded = encode_corpus(corpus, tfseq.CharTokenizer(), cache_dir=tmp_path / "cache")
    assert len(encoded.ids) == 6800


class Module(tf.Module):
    """What an export writes, made small: one weight, and a signature that reads it."""

    def __init__(self):
        self.weight = tf.Variable(LARGE)

    def signatures(self):
        spec = tf.TensorSpec([None], tf.float32, name="x")
        call = tf.function(lambda x: {"y": x + self.weight[0]}, input_signature=[spec])
        return {"serving_default": call}


def test_an_export(tmp_path):
    base = tmp_path / "exported" / "egg"
    with pytest.raises(InputError) as caught, file_limit(20_000):
        export_module(lambda staging: Module(), base, card={}, examples={})
    told = f"{base} cannot be written: File too large. Free some space there, then export again."
    assert str(caught.value) == told
    assert os.listdir(tmp_path) == []


def test_a_place_that_is_gone(tmp_path):
    """A run directory that was removed while it trained."""
    with pytest.raises(WriteError) as caught:
        write_atomically(tmp_path / "gone" / "history.csv", b"x")
    assert (caught.value.errno, caught.value.filename) == (
        errno.ENOENT,
        str(tmp_path / "gone" / "history.csv"),
    )
    told = r"No such file or directory\. Once it can be, go on\."
    with pytest.raises(InputError, match=told), advised("go on"):
        write_atomically(tmp_path / "gone" / "history.csv", b"x")


@pytest.mark.parametrize(
    "error", [ValueError("a bug"), InputError("No space left on device"), KeyboardInterrupt()]
)
def test_other_errors_are_let_through(error, tmp_path):
    def fail() -> None:
        with atomic_file(tmp_path / "a") as aside:
            aside.write_text("half")
            raise error

    with pytest.raises(type(error)) as caught:
        fail()
    assert caught.value is error
    assert os.listdir(tmp_path) == []


def test_an_error_of_reading_is_not_one_of_writing(tmp_path):
    """Only what says that a disk is full, broken or closed is taken for such."""
    with pytest.raises(FileNotFoundError), writing(tmp_path / "cache"):
        (tmp_path / "corpus.txt").read_bytes()
