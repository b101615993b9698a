"""What all trainers share: epochs of steps, checkpointed so that a run resumes to the same bits."""

import dataclasses
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfseq.errors import InputError
from tfseq.files.checkpoint import Checkpoint


class DivergenceError(InputError):
    """The loss or the gradient became infinite or not a number."""


@dataclasses.dataclass
class Progress:
    """Where a run stands, besides its arrays: all of it JSON, all of it in every checkpoint.

    `loss_sum` and `num_tokens` are of the epoch at hand: the sum of the losses, and the number of
    targets that it is over. So are `norm_sum` and `norm_max`, of the gradients' norms before
    clipping.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    num_tokens: int = 0
    norm_sum: float = 0.0
    norm_max: float = 0.0
    seconds: float = 0.0
    best_loss: float | None = None
    best_epoch: int | None = None
    epochs_without_improvement: int = 0
    stopped_early: bool = False
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    samples: list[dict[str, Any]] = dataclasses.field(default_factory=list)


class StepResult(NamedTuple):
    """What a step came to: mean loss, the gradient's norm before clipping, number of targets."""

    loss: float
    norm: float
    num_targets: int


class CheckpointedTrainer(ABC):
    """Trains a model, one step after another, from wherever it stands.

    The order of batches is a function of (seed, epoch); everything else that a step depends on
    is in `checkpoint()`: weights, optimizer, every seed generator, sums, counters, best weights,
    and what a subclass adds. `restore` of it, and the steps after it, give the same bits again.

    A subclass gives `steps_in_epoch`, `_batches`, `_run_step`, `_training_figures`, `_validate`.

    Args:
        model: the model, built.
        options: at least `epochs`, `patience` and `clip_norm`.
        optimizer: the optimizer, new.
    """

    #: The column of history that holds the number of targets of an epoch.
    count_column = "tokens"

    def __init__(self, model: keras.Model, options: Any, optimizer: keras.optimizers.Optimizer):
        self.model = model
        self.options = options
        self.optimizer = optimizer
        self.optimizer.build(model.trainable_variables)
        self.progress = Progress()
        self.best_weights: list[np.ndarray] | None = None

    @property
    def finished(self) -> bool:
        """All epochs are done, or validation no longer improves."""
        return self.progress.stopped_early or self.progress.epoch >= self.options.epochs

    @abstractmethod
    def steps_in_epoch(self, epoch: int) -> int:
        """How many steps an epoch has."""

    @abstractmethod
    def _batches(self, epoch: int, start_batch: int) -> Iterable:
        """The batches of an epoch from `start_batch` on."""

    @abstractmethod
    def _run_step(self, batch: Any) -> StepResult:
        """Train on one batch."""

    @abstractmethod
    def _training_figures(self, loss: float) -> dict[str, float]:
        """What history says of an epoch whose mean training loss is `loss`."""

    @abstractmethod
    def _validate(self) -> tuple[float, dict[str, float]] | None:
        """The figure that is to become small, and what history says; None without validation."""

    def _step_figures(self) -> dict[str, float]:
        """What a progress bar shows beside loss and gradient."""
        return {}

    def _begin_epoch(self) -> None:  # noqa: B027
        """Set back what does not outlive an epoch."""

    def _more_arrays(self) -> dict[str, list]:
        """Arrays that a checkpoint holds besides those of model and optimizer."""
        return {}

    def _restore_more(self, arrays: dict[str, np.ndarray]) -> None:  # noqa: B027
        """Take `_more_arrays` back."""

    def train_epoch(self) -> Iterator[dict[str, float]]:
        """Run the rest of the current epoch, yielding the figures after each step.

        After the last step the epoch is closed: validation, best weights, early stopping, a row
        of history. A consumer may take a `checkpoint()` between any two steps.

        Raises:
            DivergenceError: the loss or the gradient norm is not finite.
        """
        progress = self.progress
        started = time.monotonic()
        for batch in self._batches(progress.epoch, progress.batch):
            loss, norm, num_targets = self._run_step(batch)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise self._divergence(f"loss {loss}, gradient norm {norm}", step=progress.step + 1)
            now = time.monotonic()
            progress.seconds += now - started
            progress.step += 1
            progress.batch += 1
            progress.loss_sum += loss * num_targets
            progress.num_tokens += num_targets
            progress.norm_sum += norm
            progress.norm_max = max(progress.norm_max, norm)
            yield {"loss": loss, "gradient_norm": norm, **self._step_figures()}
            started = time.monotonic()
        self._close_epoch()

    def checkpoint(self) -> Checkpoint:
        """Everything that the steps to come depend on.

        Raises:
            DivergenceError: the last update left weights that are not finite. The steps to come
                could only fail.
        """
        parts = {
            # With the states of seed generators, which Keras saves nowhere.
            "model": self.model.variables,
            "optimizer": self.optimizer.variables,
            **self._more_arrays(),
            "best": self.best_weights or [],
        }
        arrays = {
            f"{part}/{i}": _storable(value)
            for part, values in parts.items()
            for i, value in enumerate(values)
        }
        if not all(np.isfinite(a).all() for name, a in arrays.items() if name.startswith("model/")):
            raise self._divergence("weights that are not finite")
        return Checkpoint(self.progress.step, arrays, dataclasses.asdict(self.progress))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Stand where `checkpoint()` was taken."""
        arrays = checkpoint.arrays
        for i, variable in enumerate(self.model.variables):
            variable.assign(arrays[f"model/{i}"])
        for i, variable in enumerate(self.optimizer.variables):
            variable.assign(arrays[f"optimizer/{i}"])
        self._restore_more(arrays)
        best = [arrays[f"best/{i}"] for i in range(len(self.model.weights)) if "best/0" in arrays]
        self.best_weights = best or None
        self.progress = Progress(**checkpoint.metadata)
        # A run that has stopped goes on with more patience.
        self.progress.stopped_early = self._out_of_patience()

    def use_best_weights(self) -> None:
        """Give the model the weights of the best epoch, where validation has chosen one."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)

    def _apply_gradients(self, tape: tf.GradientTape, loss: tf.Tensor) -> tf.Tensor:
        """Clip the gradient by its global norm and let the optimizer step; returns the norm."""
        variables = self.model.trainable_variables
        gradients = [_rows_summed(g) for g in tape.gradient(loss, variables)]
        norm = tf.linalg.global_norm(gradients)
        if self.options.clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self.options.clip_norm, use_norm=norm)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return norm

    def _close_epoch(self) -> None:
        progress = self.progress
        row = {
            "epoch": progress.epoch + 1,
            "step": progress.step,
            self.count_column: progress.num_tokens,
            "seconds": round(progress.seconds - sum(r["seconds"] for r in progress.history), 3),
            "learning_rate": float(self.optimizer.learning_rate),
            **self._training_figures(progress.loss_sum / progress.num_tokens),
            "gradient_norm": progress.norm_sum / progress.batch,
            "gradient_norm_max": progress.norm_max,
        }
        validation = self._validate()
        if validation is not None:
            loss, figures = validation
            if not math.isfinite(loss):
                raise self._divergence(f"validation loss {loss}")
            row |= figures
            if progress.best_loss is None or loss < progress.best_loss:
                progress.best_loss = loss
                progress.best_epoch = progress.epoch + 1
                progress.epochs_without_improvement = 0
                self.best_weights = self.model.get_weights()
            else:
                progress.epochs_without_improvement += 1
                progress.stopped_early = self._out_of_patience()
        progress.history.append(row)
        progress.epoch += 1
        progress.batch = 0
        progress.loss_sum, progress.num_tokens = 0.0, 0
        progress.norm_sum, progress.norm_max = 0.0, 0.0
        self._begin_epoch()

    def _out_of_patience(self) -> bool:
        return 0 < self.options.patience <= self.progress.epochs_without_improvement

    def _divergence(self, what: str, step: int | None = None) -> DivergenceError:
        progress = self.progress
        return DivergenceError(
            f"training diverged at step {step or progress.step} (epoch {progress.epoch + 1}): "
            f"{what}. Lower `--learning-rate` or `--clip-norm`."
        )


def make_optimizer(options: Any, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """The optimizer that the options name, with its learning-rate schedule."""
    rate = float(options.learning_rate)
    if options.learning_rate_decay < 1:
        rate = keras.optimizers.schedules.ExponentialDecay(
            rate, decay_steps=steps_per_epoch, decay_rate=options.learning_rate_decay
        )
    if options.optimizer == "sgd":
        return keras.optimizers.SGD(rate)
    if options.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    return keras.optimizers.AdamW(rate, weight_decay=options.weight_decay)


def _rows_summed(gradient: tf.Tensor | tf.IndexedSlices) -> tf.Tensor | tf.IndexedSlices:
    """An embedding's gradient with the rows of a token added up.

    TensorFlow keeps one row for each time a token was read. Their norm is not the gradient's.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    indices, place = tf.unique(gradient.indices)
    rows = tf.math.unsorted_segment_sum(gradient.values, place, tf.size(indices))
    return tf.IndexedSlices(rows, indices, gradient.dense_shape)


def _storable(value) -> np.ndarray:
    """As an array of one of NumPy's own types: files know no bfloat16, which float32 holds."""
    array = np.asarray(value)
    return array.astype("float32") if array.dtype.name == "bfloat16" else array
