"""A run that takes no time: least squares on 24 rows, and what may happen to it."""

import keras
import numpy as np
import tensorflow as tf

from tfseq.options.training_options import TrainingOptions
from tfseq.report.curve import Panel, save_curves
from tfseq.runs.objective import Objective, weighted_loss
from tfseq.runs.open_run import open_run
from tfseq.runs.training_run import TrainingRun

X = np.random.default_rng(0).normal(size=[24, 3]).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]], "float32")).astype("float32")
LOSSES = [Panel("loss", "train_loss", "validation_loss")]


def make(place, log=None, options_type=TrainingOptions, validates=True, **changes) -> TrainingRun:
    """A run of least squares: three steps an epoch."""
    options = options_type(
        **{
            "run_dir": str(place),
            "export_dir": str(place) + "-exported",
            "epochs": 2,
            "learning_rate": 0.05,
            "checkpoint_seconds": 1e9,
            "verbose": "quiet",
            **changes,
        }
    )
    directory = open_run(options, "line")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    rows = tf.data.Dataset.from_tensor_slices((X, Y, np.ones(24, "float32"))).batch(8)

    def validate():
        return {"validation_loss": float(np.mean((model(X).numpy() - Y) ** 2))}

    objective = Objective(
        model,
        lambda epoch, start_batch: rows.skip(start_batch),
        weighted_loss(model, keras.losses.mean_squared_error),
        validate=validate if validates else None,
    )
    lines = [] if log is None else log
    return TrainingRun(
        options,
        directory,
        objective,
        fingerprint="a digest",
        files={"labels.json": b"[]"},
        draw=lambda history: save_curves(history, directory.curves, LOSSES),
        log=lines.append,
    )


def meeting(job, step: int, event) -> TrainingRun:
    """Let something happen to a run when it has done so many steps."""
    train_epoch = job.trainer.train_epoch

    def train_and_meet():
        steps = train_epoch()
        while True:
            if job.trainer.progress.step == step:
                event()
            try:
                metrics = next(steps)
            except StopIteration:
                return
            yield metrics

    job.trainer.train_epoch = train_and_meet
    return job


def stopping(job, step: int, error: BaseException) -> TrainingRun:
    """Let a run meet an error when it has done so many steps."""

    def stop():
        raise error

    return meeting(job, step, stop)


def assert_same(job, whole):
    for weight, expected in zip(job.model.get_weights(), whole, strict=True):
        np.testing.assert_array_equal(weight, expected)
