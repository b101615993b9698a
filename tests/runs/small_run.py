"""A run that takes no time: least squares on 24 rows."""

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
WEIGHTS = np.array([1, 1, 0, 1] * 6, "float32")
LOSSES = [Panel("loss", "train_loss", "validation_loss")]


def least_squares(validate=None, dropout=0.0, **more) -> Objective:
    """Least squares in batches of 8 rows, in another order each epoch."""
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dropout(dropout), keras.layers.Dense(1)]
    )

    def batches(epoch, start_batch):
        order = np.random.default_rng(epoch).permutation(24)
        rows = tf.data.Dataset.from_tensor_slices((X[order], Y[order], WEIGHTS[order]))
        return rows.batch(8).skip(start_batch)

    loss = weighted_loss(model, keras.losses.mean_squared_error)
    return Objective(model, batches, loss, validate=validate, **more)


def make(
    place, log=None, options_type=TrainingOptions, validates=True, dropout=0.0, **changes
) -> TrainingRun:
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

    def validate():
        return {"validation_loss": float(np.mean((objective.model(X).numpy() - Y) ** 2))}

    objective = least_squares(validate if validates else None, dropout)
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


def assert_same(job, whole):
    for weight, expected in zip(job.model.get_weights(), whole, strict=True):
        np.testing.assert_array_equal(weight, expected)
