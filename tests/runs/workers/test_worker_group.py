"""Several processes take the steps that one process takes with the whole batch."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfseq.files.checkpoint import load_latest_checkpoint

from ..small_trainer import make_trainer
from .one_worker import options_of, take_steps

NOISE = {"weight_dropout": 0.2, "recurrent_dropout": 0.1, "zoneout": 0.1, "embedding_dropout": 0.1}


def free_ports(count: int) -> list[str]:
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(server.getsockname()[1]) for server in listening]
    for server in listening:
        server.close()
    return ports


def together(place: Path, size: int, **options) -> tuple[list, str]:
    """The last checkpoints of so many processes, and how they have taken a step."""
    place.mkdir()
    words = [",".join(free_ports(size)), str(place), json.dumps(options)]
    command = [sys.executable, str(Path(__file__).with_name("one_worker.py"))]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    children = []
    for rank in range(size):
        with (place / f"log{rank}").open("w") as log:
            words_of_rank = [*command, str(rank), *words]
            child = subprocess.Popen(words_of_rank, env=environment, stdout=log, stderr=log)
        children.append(child)
    try:
        for rank, child in enumerate(children):
            assert child.wait(timeout=240) == 0, (place / f"log{rank}").read_text()[-2000:]
    finally:
        for child in children:
            child.kill()
            child.wait()
    kinds = {(place / f"kind{rank}").read_text() for rank in range(size)}
    assert len(kinds) == 1
    return [load_latest_checkpoint(place / str(rank))[0] for rank in range(size)], *kinds


def alone(**options):
    steps, _, options = options_of(options)
    trainer = make_trainer(**options)
    take_steps(trainer, steps)
    return trainer.checkpoint(), trainer.step_kind


def assert_close(checkpoint, expected, rtol=1e-5) -> None:
    assert checkpoint.step == expected.step
    assert checkpoint.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        largest = np.abs(array).max(initial=0)
        np.testing.assert_allclose(
            checkpoint.arrays[name], array, rtol=0, atol=rtol * largest, err_msg=name
        )
    for name in ("loss_sum", "norm_sum", "num_targets"):
        np.testing.assert_allclose(checkpoint.metadata[name], expected.metadata[name], rtol=1e-5)


def assert_same_bits(checkpoint, expected) -> None:
    for name, array in expected.arrays.items():
        assert checkpoint.arrays[name].tobytes() == array.tobytes(), name


def check(place, size, **options) -> str:
    of_each, kind = together(place / "several", size, **options)
    for checkpoint in of_each[1:]:
        assert_same_bits(checkpoint, of_each[0])
    expected, kind_of_one = alone(**options)
    assert_close(of_each[0], expected)
    assert kind == kind_of_one
    return kind


@pytest.mark.slow
def test_two_processes_with_unequal_rows_and_dropout(tmp_path):
    check(tmp_path, 2, steps=20, cell="rnn", batch_size=5, dropout=0.3, clip_norm=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3, 5])
def test_two_hundred_steps(size, tmp_path):
    kind = check(tmp_path, size, steps=200, cell="gru", batch_size=32, tokens=20_000, epochs=60)
    assert kind == "compiled in halves"


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"model_options": NOISE, "embedding_size": 4, "dropout_mask": "window"},
        {"state_reset": 0.2, "accumulate": 3, "averaging": "ema"},
        {"window_lengths": "varied", "cell": "lstm", "sampling": "random"},
        {"label_smoothing": 0.1, "activation_regularization": 1.0, "averaging": "two_tailed"},
        {"softmax": "sampled", "num_sampled": 5, "model_options": {"softmax": "sampled"}},
    ],
    ids=lambda options: next(iter(options)),
)
def test_with_every_part_of_a_recipe(options, tmp_path):
    check(tmp_path, 2, steps=30, batch_size=32, tokens=3000, dropout=0.3, **options)


@pytest.mark.slow
def test_a_checkpoint_of_some_is_gone_on_with_by_others(tmp_path):
    options = {"cell": "gru", "batch_size": 8, "dropout": 0.3}
    (whole, _), _ = together(tmp_path / "whole", 2, steps=21, **options)
    together(tmp_path / "begun", 2, steps=11, **options)
    start = str(tmp_path / "begun" / "0")
    (again, _), _ = together(tmp_path / "again", 2, steps=21, start=start, **options)
    assert_same_bits(again, whole)
    more, _ = together(tmp_path / "more", 3, steps=21, start=start, **options)
    assert_close(more[0], whole)
    steps, _, one = options_of({"steps": 21, **options})
    trainer = make_trainer(**one)
    trainer.restore(load_latest_checkpoint(start)[0])
    take_steps(trainer, steps)
    assert_close(trainer.checkpoint(), whole)
