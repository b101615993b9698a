"""A run that is killed and resumed ends with the weights of one that never stopped."""

import functools
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
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


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    generator = random.Random(7)
    words = "time machine traveller the of in and was light dark year age said".split()
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    path.write_text(" ".join(generator.choice(words) for _ in range(500)) + "\n")
    return path


def options_of(cell: str) -> list[str]:
    return [*OPTIONS, f"--cell={cell}", f"--sample-epochs={2 * (cell == WRITES)}"]


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory) -> Callable[[str], Path]:
    """`whole(cell)` is a run that was never interrupted."""

    @functools.cache
    def run(cell: str) -> Path:
        run_dir = tmp_path_factory.mktemp("whole") / cell
        train(corpus, run_dir, *options_of(cell))
        return run_dir

    return run


@pytest.fixture(scope="module")
def first_epoch(corpus, tmp_path_factory) -> Path:
    run_dir = tmp_path_factory.mktemp("first") / "epoch"
    train(corpus, run_dir, *options_of("rnn"), "--epochs=1")
    return run_dir


@pytest.fixture
def one_epoch(first_epoch, tmp_path) -> Path:
    """A run that was to have one epoch, and had it."""
    return shutil.copytree(first_epoch, tmp_path / "run")


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


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "rg_lru", "layer_norm_lstm"])
def test_killed_at_random_moments(cell, corpus, whole, tmp_path):
    chance = random.Random(cell)
    run_dir = tmp_path / "killed"
    moments = [
        while_writing(chance.randrange(3, 20)),
        after_some_steps(chance.randrange(5, 25), chance.random() * 0.02),
    ]
    if cell == "gru":
        moments.reverse()
    options = options_of(cell)
    assert train_and_kill(corpus, run_dir, moments[0], *options)
    assert train_and_kill(corpus, run_dir, moments[1], *options, "--resume")
    train(corpus, run_dir, *options, "--resume")

    assert_same_run(run_dir, whole(cell))


@pytest.mark.slow
def test_killed_where_it_recomputes(corpus, tmp_path):
    options = [*options_of("lstm"), "--recompute-steps=5"]
    train(corpus, tmp_path / "whole", *options)
    run_dir = tmp_path / "killed"
    assert train_and_kill(corpus, run_dir, after_some_steps(9, 0.01), *options)
    train(corpus, run_dir, *options, "--resume")

    assert_same_run(run_dir, tmp_path / "whole")


EVERYTHING = (
    "--schedule=cosine --warmup=0.5 --optimizer=nadam --weight-decay=0.1 --no-decay-biases "
    "--accumulate=2 --averaging=two_tailed --window-lengths=varied --state-reset=0.2 "
    "--cell=lstm --units 12 8 --dropout-mask=window --input-dropout=0.1 --layer-dropout=0.2 "
    "--output-dropout=0.25 --embedding-dropout=0.1 --weight-dropout=0.4 --recurrent-dropout=0.1 "
    "--zoneout=0.1 --activation-regularization=2 --temporal-activation-regularization=1 "
    "--label-smoothing=0.1 --residual --feed-forward=1.5 --embedding-size=8 --tie-embeddings"
).split()


@pytest.mark.slow
def test_killed_with_every_part_of_a_recipe_at_once(corpus, tmp_path):
    options = [*options_of("lstm"), *EVERYTHING]
    train(corpus, tmp_path / "whole", *options)
    run_dir = tmp_path / "killed"
    assert train_and_kill(corpus, run_dir, after_some_steps(8, 0.01), *options)
    assert train_and_kill(corpus, run_dir, while_writing(5), "--resume")
    train(corpus, run_dir, "--resume")

    assert_same_run(run_dir, tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize(
    "softmax",
    [
        "--softmax=sampled --num-sampled=5 --tie-embeddings",
        "--softmax=adaptive --cutoffs 3 6 --embedding-size=4",
    ],
)
def test_killed_where_rows_are_not_read(softmax, corpus, tmp_path):
    """Rows of the embedding, their moments and their averages are in the checkpoint too."""
    recipe = "--tokenizer=word --averaging=ema --weight-decay=0.1 --embedding-dropout=0.1"
    options = [*options_of("rnn"), *recipe.split(), *softmax.split()]
    train(corpus, tmp_path / "whole", *options)
    run_dir = tmp_path / "killed"
    assert train_and_kill(corpus, run_dir, after_some_steps(6, 0.01), *options)
    train(corpus, run_dir, "--resume")

    assert_same_run(run_dir, tmp_path / "whole")


@pytest.mark.slow
def test_killed_among_documents(corpus, tmp_path):
    """Their order is another one in each epoch, and so are windows and dropout."""
    documents = tmp_path / "documents.txt"
    words, chance = corpus.read_text().split(), random.Random(3)
    pieces = []
    while words:
        length = chance.randrange(1, 9)
        pieces.append(" ".join(words[:length]))
        words = words[length:]
    documents.write_text("<|end|>".join(pieces))
    options = [*options_of("lstm"), "--documents=<|end|>", "--split=shuffled", "--batch-size=32"]
    options += ["--num-steps=4", "--state-reset=0.1", "--window-lengths=varied"]
    train(documents, tmp_path / "whole", *options)
    run_dir = tmp_path / "killed"
    assert train_and_kill(documents, run_dir, after_some_steps(8, 0.01), *options)
    assert train_and_kill(documents, run_dir, while_writing(5), "--resume")
    train(documents, run_dir, "--resume")

    assert_same_run(run_dir, tmp_path / "whole")


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
