"""Training on labelled batches: the step, early stopping, and exact resume."""

import csv
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_disk import mounted
from tfseq.tasks.supervised.sequence_task import LabelledIds, sequence_task
from tfseq.tasks.supervised.supervised_options import SupervisedOptions
from tfseq.tasks.supervised.supervised_run import SupervisedRun
from tfseq.tasks.supervised.supervised_trainer import SupervisedTask, SupervisedTrainer

from tfseq.errors import InputError
from tfseq.models import TextClassifier
from tfseq.runs.trainer import DivergenceError

RNG = np.random.default_rng(0)
X = RNG.normal(size=[24, 3]).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]], "float32")).astype("float32")
WEIGHTS = np.array([1, 1, 0, 1] * 6, "float32")


def make_task(validation=None, dropout=0.0, **more):
    """Least squares on 24 rows in batches of 8, in another order each epoch."""
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dropout(dropout), keras.layers.Dense(1)]
    )

    def batches(epoch):
        order = np.random.default_rng(epoch).permutation(24)
        rows = tf.data.Dataset.from_tensor_slices((X[order], Y[order], WEIGHTS[order]))
        return rows.batch(8)

    return SupervisedTask(
        model, batches, keras.losses.mean_squared_error, validation, "a digest", **more
    )


def test_a_step_is_weighted_clipped_and_taken():
    task = make_task()
    options = SupervisedOptions(optimizer="sgd", learning_rate=0.1, clip_norm=0.5)
    trainer = SupervisedTrainer(task, options)
    kernel, bias = (w.astype("float64") for w in task.model.get_weights())
    x, y, w = (part.numpy() for part in next(iter(task.batches(0))))
    error = x @ kernel + bias - y
    loss = (w * error[:, 0] ** 2).sum() / w.sum()
    gradients = [2 * x.T @ (w[:, None] * error) / w.sum(), 2 * (w @ error) / w.sum()]
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    assert norm > 0.5

    steps = trainer.train_epoch()
    figures = next(steps)
    assert figures["loss"] == pytest.approx(loss, rel=1e-5)
    assert figures["gradient_norm"] == pytest.approx(norm, rel=1e-5)
    for weight, before, g in zip(task.model.get_weights(), (kernel, bias), gradients, strict=True):
        np.testing.assert_allclose(weight, before - 0.1 * g * 0.5 / norm, rtol=1e-4, atol=1e-6)
    assert len(list(steps)) == 2
    row = trainer.progress.history[0]
    assert (row["step"], row["targets"]) == (3, 18)


def test_the_gradient_of_a_token_that_is_read_twice_is_one():
    """TensorFlow gives a row for each time; the norm and the clipping are those of their sum."""
    model = keras.Sequential(
        [keras.Input((3,), dtype="int32"), keras.layers.Embedding(4, 2), keras.layers.Flatten()]
    )
    ids, targets = np.int32([[1, 1, 2], [1, 3, 2]]), np.zeros([2, 6], "float32")
    task = SupervisedTask(
        model,
        lambda epoch: tf.data.Dataset.from_tensors((ids, targets, np.ones(2, "float32"))),
        keras.losses.mean_squared_error,
        validate=None,
        fingerprint="",
    )
    table = RNG.normal(size=[4, 2]).astype("float32")
    model.set_weights([table])
    gradient = np.zeros_like(table)
    for token in ids.ravel():
        gradient[token] += 2 * table[token] / 12
    norm = np.linalg.norm(gradient)
    options = SupervisedOptions(
        optimizer="sgd", learning_rate=0.1, learning_rate_decay=1.0, clip_norm=float(norm / 2)
    )
    figures = next(SupervisedTrainer(task, options).train_epoch())
    assert figures["gradient_norm"] == pytest.approx(norm, rel=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], table - 0.05 * gradient, rtol=1e-5)


@pytest.mark.parametrize(
    ("greater_is_better", "figures", "best", "stopped"),
    [(False, [3.0, 1.0, 2.0, 1.5, 0.1], 2, 4), (True, [0.1, 0.5, 0.5, 0.4, 0.9], 2, 4)],
)
def test_training_stops_and_the_best_weights_stay(greater_is_better, figures, best, stopped):
    left, seen = iter(figures), []

    def validate():
        seen.append(task.model.get_weights())
        return {"validation_loss": 7.0, "validation_figure": next(left)}

    task = make_task(validate, monitor="validation_figure", greater_is_better=greater_is_better)
    trainer = SupervisedTrainer(task, SupervisedOptions(epochs=9, patience=2))
    while not trainer.finished:
        list(trainer.train_epoch())
    progress = trainer.progress
    assert (progress.best_epoch, progress.epoch, progress.stopped_early) == (best, stopped, True)
    assert [row["validation_figure"] for row in progress.history] == figures[:stopped]
    trainer.use_best_weights()
    for weight, expected in zip(task.model.get_weights(), seen[best - 1], strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_divergence_is_named():
    trainer = SupervisedTrainer(
        make_task(), SupervisedOptions(optimizer="sgd", learning_rate=1e30, clip_norm=None)
    )
    with pytest.raises(DivergenceError, match=r"diverged at step \d+ \(epoch 1\).*--learning-rate"):
        list(trainer.train_epoch())


class StopError(Exception):
    """Stands for a kill."""


def run(place, stop_at=None, **changes):
    """Train in `place`; stop before the step `stop_at`, leaving what a killed process leaves."""
    options = SupervisedOptions(
        **{
            "run_dir": str(place),
            "epochs": 3,
            "learning_rate": 0.02,
            "checkpoint_seconds": 0.0,
            "verbose": "epoch",
            **changes,
        }
    )
    lines = []

    def prepare(options):
        def validate():
            return {"validation_loss": float(np.mean((task.model(X).numpy() - Y) ** 2))}

        task = make_task(validate, dropout=0.3, evaluate=lambda: {"answer": 42})
        return task

    job = SupervisedRun(options, "line", prepare, log=lines.append)
    if stop_at is not None:
        step = job.trainer._run_step

        def stopping(batch):
            if job.trainer.progress.step == stop_at:
                raise StopError
            return step(batch)

        job.trainer._run_step = stopping
        with pytest.raises(StopError):
            job.fit()
        return job, lines
    job.fit()
    return job, lines


def without_seconds(path):
    with open(path / "history.csv", newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was not interrupted, and its place."""
    place = tmp_path_factory.mktemp("whole") / "run"
    return run(place)[0], place


@pytest.mark.parametrize("stop_at", [1, 3, 5])
def test_resumed_to_the_same_weights(stop_at, whole, tmp_path):
    whole, whole_place = whole
    run(tmp_path / "killed", stop_at=stop_at)
    resumed, lines = run(tmp_path / "killed", resume=True)
    assert f"resumed at step {stop_at}, epoch {stop_at // 3 + 1}" in lines
    for a, b in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert without_seconds(tmp_path / "killed") == without_seconds(whole_place)
    metrics = json.loads((tmp_path / "killed" / "metrics.json").read_text())
    assert (metrics["answer"], metrics["steps"], metrics["epochs"]) == (42, 9, 3)
    best = min(float(r["validation_loss"]) for r in without_seconds(whole_place))
    assert metrics["validation_loss"] == pytest.approx(best)
    assert (tmp_path / "killed" / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("free", [2_000, 12_000, 40_000])
def test_a_disk_that_is_full_and_then_is_not(free, whole, tmp_path):
    """A mount point of its own, so that the directory cannot be replaced either."""
    with mounted(tmp_path / "disk", "size=1m"):
        filler, place = tmp_path / "disk" / "other.bin", tmp_path / "disk" / "run"
        filler.write_bytes(bytes(2**20 - free))
        with pytest.raises(InputError, match=r"cannot be written.*: No space left on device"):
            run(place)
        assert not list((tmp_path / "disk").rglob("*partial*"))
        filler.unlink()
        resumed, _ = run(place, resume=place.exists())
        for a, b in zip(whole[0].model.get_weights(), resumed.model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        assert without_seconds(place) == without_seconds(whole[1])


def test_sequences_in_buckets_with_dropout_go_on_the_same():
    """A classifier's own batches and its layers' dropout, from a checkpoint within an epoch."""
    rows = [list(RNG.integers(0, 6, n)) for n in RNG.integers(0, 7, 14)]
    train = LabelledIds(tf.ragged.constant(rows, tf.int32), tf.constant([0, 1] * 7))
    options = SupervisedOptions(epochs=2, batch_size=4, seed=3)
    model = TextClassifier(6, 2, units=3, dropout=0.4, embedding_size=4)
    task = sequence_task(model, train, options, validate=None, fingerprint="")
    trainer = SupervisedTrainer(task, options)
    steps = trainer.train_epoch()
    for _ in range(2):
        next(steps)
    checkpoint, ends = trainer.checkpoint(), []
    for _ in range(2):
        trainer.restore(checkpoint)
        assert (trainer.progress.step, trainer.progress.batch) == (2, 2)
        while not trainer.finished:
            list(trainer.train_epoch())
        ends.append((model.get_weights(), trainer.progress.history[-1]["train_loss"]))
    (whole, loss), (resumed, again) = ends
    assert trainer.progress.step == 8
    assert loss == again
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_a_run_refuses(tmp_path):
    run(tmp_path / "run", epochs=1)
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    with pytest.raises(InputError, match=r"exists\. Add `--resume`"):
        run(tmp_path / "run")
    with pytest.raises(InputError, match="--batch-size was 32 and is now 5"):
        run(tmp_path / "run", resume=True, batch_size=5)
    with pytest.raises(InputError, match="is not a run"):
        run(tmp_path / "nothing", resume=True)
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before
    (tmp_path / "run" / "corpus.json").write_text('{"fingerprint": "another"}')
    with pytest.raises(InputError, match="the data is not the one that the run"):
        run(tmp_path / "run", resume=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]
