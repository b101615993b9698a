"""Event files, read back as TensorBoard reads them."""

import math
import time

import numpy as np
import pytest
import tensorflow as tf

from tfseq.runs.event_log import EventLog


def read(directory):
    """The events of all files in a directory, in the order of their names."""
    paths = sorted(map(str, directory.iterdir()))
    return [
        tf.compat.v1.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(paths)
    ]


def test_scalars(tmp_path):
    before = time.time()
    with EventLog(tmp_path / "tensorboard") as log:
        log.write(1, {"epoch": 1, "train_perplexity": 9.5, "best": None, "name": "run"})
        log.write(2, {"train_perplexity": np.float64(8.25), "validation_perplexity": math.inf})
    (path,) = (tmp_path / "tensorboard").iterdir()
    assert path.name.startswith("events.out.tfevents.")
    version, start, first, second = read(tmp_path / "tensorboard")
    assert version.file_version == "brain.Event:2"
    assert start.session_log.status == tf.compat.v1.SessionLog.START
    assert before <= first.wall_time <= second.wall_time <= time.time()
    assert (first.step, second.step) == (1, 2)
    assert {v.tag: v.simple_value for v in first.summary.value} == {"train_perplexity": 9.5}
    assert {v.tag: v.simple_value for v in second.summary.value} == {
        "train_perplexity": 8.25,
        "validation_perplexity": math.inf,
    }


def test_can_be_followed_while_it_grows(tmp_path):
    with EventLog(tmp_path) as log:
        log.write(1, {"loss": 1.0})
        assert [event.step for event in read(tmp_path)] == [0, 0, 1]
        log.write(2, {"loss": 0.5})
        assert read(tmp_path)[-1].summary.value[0].simple_value == pytest.approx(0.5)


def test_a_resumed_run_says_from_where_on_figures_are_void(tmp_path):
    with EventLog(tmp_path) as log:
        log.write(4, {"loss": 1.0})
        log.write(5, {"loss": 0.9})
    with EventLog(tmp_path, first_step=5) as log:
        log.write(5, {"loss": 0.8})
    assert len(list(tmp_path.iterdir())) == 2
    restart = [e for e in read(tmp_path) if e.HasField("session_log")][1]
    assert restart.session_log.status == tf.compat.v1.SessionLog.START
    assert restart.step == 5
    # TensorBoard drops the earlier figures at and after that step; what remains is one curve.
    curve = {}
    for event in read(tmp_path):
        if event.HasField("session_log"):
            curve = {step: value for step, value in curve.items() if step < event.step}
        for value in event.summary.value:
            curve[event.step] = value.simple_value
    assert curve == pytest.approx({4: 1.0, 5: 0.8})
