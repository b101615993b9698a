"""A run that is killed and resumed ends with the weights of one that never stopped."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "pipelines" / "train_language_model.py"

OPTIONS = (
    "--units=8 --num-layers=2 --dropout=0.3 --optimizer=adamw --learning-rate-decay=0.9 "
    "--patience=2 --sampling=sequential --batch-size=4 --num-steps=16 --epochs=3 "
    "--checkpoint-seconds=0 --sample-epochs=2 --no-export --verbose=epoch"
).split()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    generator = random.Random(7)
    words = "time machine traveller the of in and was light dark year age said".split()
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    path.write_text(" ".join(generator.choice(words) for _ in range(500)) + "\n")
    return path


def command(corpus: Path, run_dir: Path, *more: str) -> list[str]:
    return [sys.executable, str(SCRIPT), f"--corpus={corpus}", f"--run-dir={run_dir}", *more]


def train(corpus: Path, run_dir: Path, *more: str) -> str:
    """Run to the end; returns standard output."""
    done = subprocess.run(
        command(corpus, run_dir, *more), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def train_and_kill(corpus: Path, run_dir: Path, moment, *more: str) -> bool:
    """Start a run and kill it when `moment(run_dir)` says so; False if it ended before."""
    with subprocess.Popen(
        command(corpus, run_dir, *more), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        deadline = time.monotonic() + 120
        while child.poll() is None and time.monotonic() < deadline:
            if moment(run_dir):
                child.send_signal(signal.SIGKILL)
                break
        child.wait()
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
    samples = (reference / "samples.txt").read_text()
    assert (run_dir / "samples.txt").read_text() == samples
    assert samples


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_killed_at_random_moments(cell, corpus, tmp_path):
    chance = random.Random(cell)
    options = [*OPTIONS, f"--cell={cell}"]
    train(corpus, tmp_path / "whole", *options)

    run_dir = tmp_path / "killed"
    moments = [
        while_writing(chance.randrange(3, 20)),
        after_some_steps(chance.randrange(5, 25), chance.random() * 0.02),
        while_writing(chance.randrange(5, 25)),
    ]
    killed = 0
    for moment in moments:
        resume = ["--resume"] if run_dir.exists() else []
        killed += train_and_kill(corpus, run_dir, moment, *options, *resume)
    assert killed == len(moments), "a run ended before it could be killed"
    train(corpus, run_dir, *options, "--resume")

    assert_same_run(run_dir, tmp_path / "whole")


@pytest.mark.slow
def test_damaged_checkpoint_and_more_epochs(corpus, tmp_path):
    """The newest checkpoint is passed over, aloud; `--epochs` grows; options need no repeating."""
    train(corpus, tmp_path / "whole", *OPTIONS)
    run_dir = tmp_path / "longer"
    train(corpus, run_dir, *OPTIONS, "--epochs=1")
    name = newest(run_dir)
    path = run_dir / "checkpoints" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)

    output = train(corpus, run_dir, "--resume", "--epochs=3")

    assert f"warning: checkpoint {name} is damaged" in output
    assert_same_run(run_dir, tmp_path / "whole")


@pytest.mark.slow
def test_a_run_that_grew_and_was_killed_grows_on(corpus, tmp_path):
    """Killed after `--epochs` grew, a plain `--resume` goes to the new end, not to the old."""
    train(corpus, tmp_path / "whole", *OPTIONS)
    run_dir = tmp_path / "grown"
    train(corpus, run_dir, *OPTIONS, "--epochs=1")
    grow = ["--resume", "--epochs=3"]
    assert train_and_kill(corpus, run_dir, after_some_steps(5, 0), *grow)
    train(corpus, run_dir, "--resume")
    assert_same_run(run_dir, tmp_path / "whole")


def test_resume_refuses_another_text(corpus, tmp_path):
    run_dir = tmp_path / "run"
    assert train_and_kill(corpus, run_dir, lambda run_dir: (run_dir / "config.json").is_file())
    another = tmp_path / "another.txt"
    another.write_text(corpus.read_text().replace("light", "night"))
    done = subprocess.run(
        command(another, run_dir, "--resume"), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2
    assert "the text is not the one that the run" in done.stderr


def test_resume_refuses_another_configuration(corpus, tmp_path):
    run_dir = tmp_path / "run"
    train(corpus, run_dir, *OPTIONS, "--epochs=1")
    before = {p: p.read_bytes() for p in run_dir.rglob("*") if p.is_file()}
    done = subprocess.run(
        command(corpus, run_dir, "--resume", "--units=9", "--dropout=0.2"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2
    assert "--units was 8 and is now 9" in done.stderr
    assert "--dropout was 0.3 and is now 0.2" in done.stderr
    assert "Traceback" not in done.stderr
    assert {p: p.read_bytes() for p in run_dir.rglob("*") if p.is_file()} == before
