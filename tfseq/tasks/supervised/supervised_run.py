"""A training run on labelled batches, from options to a finished directory."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfseq.files.result_directory import free_path
from tfseq.options.run_options import check_same_options, read_run_options
from tfseq.options.saving import absolute_paths, normalized, without_places
from tfseq.report.curve import Panel, save_curves
from tfseq.runs.run_directory import RunDirectory
from tfseq.runs.training_run import CheckpointedRun
from tfseq.tasks.supervised.supervised_options import FREE_ON_RESUME, SupervisedOptions
from tfseq.tasks.supervised.supervised_trainer import SupervisedTask, SupervisedTrainer

LOSS = Panel("loss", "train_loss", "validation_loss")


class SupervisedRun(CheckpointedRun):
    """A run that is ready to train: all that can be wrong has been looked at.

    First the place is looked at: a new run needs a free directory, one that goes on the same
    options. Then the seed is set, and `prepare` reads the data and builds the model. Nothing is
    written before `fit`. A run that is killed and resumed ends with the same weights, bit for
    bit, as one that was never interrupted.

    Attributes:
        task: what `prepare` returned.
        options, directory, model, trainer, new_steps: see `CheckpointedRun`.

    Args:
        options: the options, checked; `tfseq.options.run_options.parse_run_options` reads them
            from the command line, and from the run to go on with.
        name: the run is `runs/NAME`, numbered if that is taken, unless `options.run_dir` says
            otherwise.
        prepare: options -> the task; raises InputError where the data cannot be used.
        panels: what `curves.png` shows.
        free: options that may differ when the run goes on, besides those that every run may
            change.
        log: where messages go, one line each.

    Raises:
        InputError: the data, the run directory or its checkpoints cannot be used.

    Example:

    >>> import os, tempfile
    >>> import numpy as np
    >>> def prepare(options):
    ...     x = np.linspace(-1, 1, 32, dtype="float32")[:, None]
    ...     model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    ...     data = tf.data.Dataset.from_tensor_slices((x, 2 * x, np.ones(32, "float32"))).batch(8)
    ...     def validate():
    ...         return {"validation_loss": float(np.mean((model(x) - 2 * x) ** 2))}
    ...     return SupervisedTask(model, lambda epoch: data, keras.losses.mean_squared_error,
    ...                           validate, fingerprint="line")
    >>> with tempfile.TemporaryDirectory() as place:
    ...     options = SupervisedOptions(run_dir=place + "/line", epochs=3, learning_rate=0.05)
    ...     run = SupervisedRun(options, "line", prepare, log=lambda line: None)
    ...     metrics = run.fit()
    ...     sorted(os.listdir(place + "/line"))  # doctest: +NORMALIZE_WHITESPACE
    ['.lock', 'checkpoints', 'config.json', 'corpus.json', 'curves.png', 'history.csv',
     'metrics.json', 'model.weights.h5', 'tensorboard']
    >>> metrics["epochs"], metrics["best_epoch"], metrics["steps"]
    (3, 3, 12)
    """

    trainer: SupervisedTrainer

    def __init__(
        self,
        options: SupervisedOptions,
        name: str,
        prepare: Callable[[Any], SupervisedTask],
        *,
        panels: Sequence[Panel] = (LOSS,),
        free: frozenset[str] = frozenset(),
        log: Callable[[str], None] = print,
    ):
        self.log = log
        options = normalized(options)
        self.directory = RunDirectory(Path(options.run_dir) if options.run_dir else free_path(name))
        if options.resume:
            saved = read_run_options(type(options), self.directory.path)
            check_same_options(saved, absolute_paths(options), FREE_ON_RESUME | free)
        else:
            self.directory.check_free()
        self._check_export_dir(options)
        self.resumes = options.resume
        self.options = absolute_paths(
            dataclasses.replace(
                options, run_dir=str(self.directory.path), resume=False, config=None
            )
        )
        self.panels = panels
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(options.seed)
        self.task = prepare(options)
        if options.resume:
            self.directory.check_corpus(self.task.fingerprint, what="the data")
        self.model = self.task.model
        self.trainer = SupervisedTrainer(self.task, options)

    def metadata(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """What an export should say of where it comes from: options and figures."""
        options = without_places(self.options)
        return {"run": self.directory.name, "options": options, "metrics": metrics}

    def metrics(self) -> dict[str, Any]:
        """The figures of the run so far, as `metrics.json` holds them."""
        progress = self.trainer.progress
        last = progress.history[-1] if progress.history else {}
        best = next((r for r in progress.history if r["epoch"] == progress.best_epoch), {})
        trained = sum(row["targets"] for row in progress.history)
        return {
            **{name: value for name, value in best.items() if name.startswith("validation_")},
            "train_loss": last.get("train_loss"),
            **self.task.evaluate(),
            "num_parameters": self.model.count_params(),
            "best_epoch": progress.best_epoch,
            "epochs": progress.epoch,
            "stopped_early": progress.stopped_early,
            "steps": progress.step,
            "training_seconds": round(progress.seconds, 3),
            "targets_per_second": round(trained / progress.seconds) if progress.seconds else None,
            "seed": self.options.seed,
            "data_fingerprint": self.task.fingerprint,
            "tensorflow_version": tf.__version__,
            "keras_version": keras.__version__,
            "python_version": ".".join(map(str, sys.version_info[:3])),
        }

    def _create(self) -> None:
        task = self.task
        self.directory.create(self.options, task.vocabulary, task.fingerprint, task.files)

    def _write_history(self) -> None:
        history = self.trainer.progress.history
        columns = dict.fromkeys(name for row in history for name in row)
        self.directory.write_history(history, tuple(columns) or ("epoch",))

    def _describe_epoch(self, row: dict[str, Any]) -> str:
        epochs, progress = self.options.epochs, self.trainer.progress
        text = f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}"
        text += f"  training loss {row['train_loss']:.4f}"
        validation = [
            f"{name.removeprefix('validation_').replace('_', ' ').replace('f1', 'F1')} {value:.4f}"
            for name, value in row.items()
            if name.startswith("validation_")
        ]
        if validation:
            text += f"  validation {', '.join(validation)}"
        text += f"  {row['seconds']:.0f} s"
        return text + ("  (no longer better: stopped)" if progress.stopped_early else "")

    def _draw(self) -> None:
        save_curves(
            self.trainer.progress.history,
            self.directory.curves,
            self.panels,
            title=self.directory.name,
        )
