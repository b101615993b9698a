"""Runs of the script that are killed, and what they are compared with."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
from pipeline_scripts import command, script

from tfseq.options.run_options import parse_run_options
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.language_model.training import prepare

OPTIONS = (
    "--units=8 --num-layers=2 --dropout=0.3 --optimizer=adamw --schedule=exponential "
    "--learning-rate-decay=0.9 "
    "--patience=2 --sampling=sequential --batch-size=4 --num-steps=16 --epochs=3 "
    "--checkpoint-seconds=0 --sample-epochs=0 --no-export --no-baseline --verbose=epoch"
).split()


# To write text takes as long as to train: one cell does, the others only train.
WRITES = "gru"


def write_corpus(path: Path) -> Path:
    """A text of few words."""
    generator = random.Random(7)
    words = "time machine traveller the of in and was light dark year age said".split()
    path.write_text(" ".join(generator.choice(words) for _ in range(500)) + "\n")
    return path


def options_of(cell: str) -> list[str]:
    return [*OPTIONS, f"--cell={cell}", f"--sample-epochs={2 * (cell == WRITES)}"]


def arguments(corpus: Path, run_dir: Path, *more: str) -> list[str]:
    return [f"--corpus={corpus}", f"--run-dir={run_dir}", *more]


def train(corpus: Path, run_dir: Path, *more: str) -> str:
    """Run to the end, in this process; returns what was printed."""
    if f"--cell={WRITES}" in more:
        given = arguments(corpus, run_dir, *more)
        return script("train_language_model", *given, cwd=corpus.parent).stdout
    printed = []
    given = arguments(corpus, run_dir, *more)
    training = prepare(parse_run_options(LanguageModelOptions, given), log=printed.append)
    training.run.fit(training.evaluate)
    return "\n".join(printed)


def train_and_kill(corpus: Path, run_dir: Path, moment, *more: str) -> bool:
    """Start a run and kill it when `moment(run_dir)` says so; False if it ended before."""
    with subprocess.Popen(
        command("train_language_model", *arguments(corpus, run_dir, *more)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        deadline = time.monotonic() + 300
        try:
            while child.poll() is None:
                assert time.monotonic() < deadline
                if moment(run_dir):
                    break
                time.sleep(0.0005)
        finally:
            child.send_signal(signal.SIGKILL)
    return child.returncode == -signal.SIGKILL


def newest(run_dir: Path) -> str:
    return max((p.name for p in (run_dir / "checkpoints").glob("step-*.npz")), default="")


def after_some_steps(steps: int, seconds: float):
    """A moment: so many steps after the first checkpoint seen, and then a little later."""
    first = []

    def moment(run_dir: Path) -> bool:
        name = newest(run_dir)
        if not name:
            return False
        step = int(name[5:14])
        first.append(step) if not first else None
        if step < first[0] + steps:
            return False
        time.sleep(seconds)
        return True

    return moment


def while_writing(steps: int):
    """A moment: a checkpoint is half written."""
    reached = after_some_steps(steps, 0)
    seen = []

    def moment(run_dir: Path) -> bool:
        if not seen and not reached(run_dir):
            return False
        seen.append(True)
        return any(name.endswith(".partial") for name in os.listdir(run_dir / "checkpoints"))

    return moment


def weights(run_dir: Path) -> dict[str, np.ndarray]:
    arrays = {}
    with h5py.File(run_dir / "model.weights.h5") as file:
        file.visititems(
            lambda name, item: (
                arrays.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None
            )
        )
    return arrays


def assert_same_run(run_dir: Path, reference: Path) -> None:
    expected, actual = weights(reference), weights(run_dir)
    assert expected.keys() == actual.keys()
    assert expected
    for name in expected:
        np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)

    def without_seconds(path: Path) -> list[str]:
        rows = [line.split(",") for line in (path / "history.csv").read_text().splitlines()]
        column = rows[0].index("seconds")
        return [",".join(row[:column] + row[column + 1 :]) for row in rows]

    assert without_seconds(run_dir) == without_seconds(reference)
    samples = [path / "samples.txt" for path in (run_dir, reference)]
    assert [path.is_file() for path in samples] == [reference.name == WRITES] * 2
    if reference.name == WRITES:
        assert samples[0].read_text() == samples[1].read_text()
