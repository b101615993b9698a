"""Truncated back-propagation through time, checkpointed so that a run resumes to the same bits."""

import dataclasses
import math
import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfseq.data import num_batches, random_windows, sequential_windows
from tfseq.errors import InputError
from tfseq.models import LanguageModel
from tfseq.training.checkpoint import Checkpoint
from tfseq.training.evaluation import Evaluator
from tfseq.training.options import TrainingOptions
from tfseq.training.perplexity import bits, perplexity

WINDOWS = {"random": random_windows, "sequential": sequential_windows}


class DivergenceError(InputError):
    """The loss or the gradient became infinite or not a number."""


@dataclasses.dataclass
class Progress:
    """Where a run stands, besides its arrays: all of it JSON, all of it in every checkpoint."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    num_tokens: int = 0
    seconds: float = 0.0
    best_loss: float | None = None
    best_epoch: int | None = None
    epochs_without_improvement: int = 0
    stopped_early: bool = False
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    samples: list[dict[str, Any]] = dataclasses.field(default_factory=list)


class Trainer:
    """Trains a language model, one step after another, from wherever it stands.

    A step, on a window of T tokens, with the state H carried or zero:
        L = −(1 / BT) Σ log P(y_t);  g = ∂L/∂θ;  g ← g · min(1, clip / ‖g‖);  θ ← update(θ, g).
    With sequential sampling the next window starts from the state that this one ended with, as
    a constant: the gradient is cut there (truncated BPTT). With random sampling it starts from
    zeros.

    The order of windows is a function of (seed, epoch); everything else that a step depends on
    is in `checkpoint()`: weights, optimizer, every seed generator, the carried state, sums,
    counters, best weights. `restore` of it, and the steps after it, give the same bits again.

    Args:
        model: the language model, built.
        options: with no field left None that `with_defaults_filled` fills.
        train_ids: integer `[N]`.
        validation_ids: integer `[M]`; empty: no validation, no early stopping.

    Raises:
        InputError: too little text for one batch.
    """

    def __init__(
        self,
        model: LanguageModel,
        options: TrainingOptions,
        train_ids: np.ndarray,
        validation_ids: np.ndarray,
    ):
        self.model = model
        self.options = options
        self.train_ids = train_ids
        self.validation_ids = validation_ids
        self.progress = Progress()
        self.states = model.initial_states(options.batch_size)
        self.best_weights: list[np.ndarray] | None = None
        self.steps_in_epoch(0)  # Raises where the text is too short for one batch.
        # The number of steps in an epoch varies by one with its offset. The schedule takes the
        # most there can be, so that it does not depend on chance.
        steps = num_batches(len(train_ids), options.batch_size, options.num_steps)
        self.optimizer = make_optimizer(options, steps)
        self.optimizer.build(model.trainable_variables)
        self._evaluate = Evaluator(model, batch_size=options.batch_size)
        self._train_step = tf.function(self._step)

    @property
    def finished(self) -> bool:
        """All epochs are done, or validation no longer improves."""
        return self.progress.stopped_early or self.progress.epoch >= self.options.epochs

    def steps_in_epoch(self, epoch: int) -> int:
        """How many steps an epoch has."""
        return int(self._windows(epoch).cardinality())

    def train_epoch(self) -> Iterator[dict[str, float]]:
        """Run the rest of the current epoch, yielding the figures after each step.

        After the last step the epoch is closed: validation, best weights, early stopping, a row
        of history. A consumer may take a `checkpoint()` between any two steps.

        Raises:
            DivergenceError: the loss or the gradient norm is not finite.
        """
        progress = self.progress
        carried = self.options.sampling == "sequential"
        started = time.monotonic()
        windows = self._windows(progress.epoch, start_batch=progress.batch)
        for inputs, targets in windows:
            loss, norm, states = self._train_step(inputs, targets, self.states)
            loss, norm = float(loss), float(norm)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise DivergenceError(
                    f"training diverged at step {progress.step + 1} (epoch "
                    f"{progress.epoch + 1}): loss {loss}, gradient norm {norm}. Lower "
                    "`--learning-rate` or `--clip-norm`."
                )
            if carried:
                self.states = states
            now = time.monotonic()
            progress.seconds += now - started
            progress.step += 1
            progress.batch += 1
            progress.loss_sum += loss * int(tf.size(inputs))
            progress.num_tokens += int(tf.size(inputs))
            yield {
                "loss": loss,
                "gradient_norm": norm,
                "perplexity": perplexity(progress.loss_sum / progress.num_tokens),
            }
            started = time.monotonic()
        self._close_epoch()

    def checkpoint(self) -> Checkpoint:
        """Everything that the steps to come depend on.

        Raises:
            DivergenceError: the last update left weights that are not finite. The steps to come
                could only fail.
        """
        parts = {
            "model": self._model_variables(),
            "optimizer": self.optimizer.variables,
            "state": tf.nest.flatten(self.states),
            "best": self.best_weights or [],
        }
        arrays = {
            f"{part}/{i}": _storable(value)
            for part, values in parts.items()
            for i, value in enumerate(values)
        }
        if not all(np.isfinite(a).all() for name, a in arrays.items() if name.startswith("model/")):
            raise DivergenceError(
                f"training diverged at step {self.progress.step} (epoch "
                f"{self.progress.epoch + 1}): weights that are not finite. Lower "
                "`--learning-rate` or `--clip-norm`."
            )
        return Checkpoint(self.progress.step, arrays, dataclasses.asdict(self.progress))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Stand where `checkpoint()` was taken."""
        arrays = checkpoint.arrays
        for i, variable in enumerate(self._model_variables()):
            variable.assign(arrays[f"model/{i}"])
        for i, variable in enumerate(self.optimizer.variables):
            variable.assign(arrays[f"optimizer/{i}"])
        flat = tf.nest.flatten(self.states)
        flat = [tf.cast(arrays[f"state/{i}"], s.dtype) for i, s in enumerate(flat)]
        self.states = tf.nest.pack_sequence_as(self.states, flat)
        best = [arrays[f"best/{i}"] for i in range(len(self.model.weights)) if "best/0" in arrays]
        self.best_weights = best or None
        self.progress = Progress(**checkpoint.metadata)
        # A run that has stopped goes on with more patience.
        self.progress.stopped_early = self._out_of_patience()

    def use_best_weights(self) -> None:
        """Give the model the weights of the best epoch, where validation has chosen one."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)

    def _step(self, inputs, targets, states):
        with tf.GradientTape() as tape:
            logits, states = self.model(inputs, states=states, return_states=True, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                targets, tf.cast(logits, tf.float32)
            )
            loss = tf.reduce_mean(losses)
        variables = self.model.trainable_variables
        gradients = [_rows_summed(g) for g in tape.gradient(loss, variables)]
        norm = tf.linalg.global_norm(gradients)
        if self.options.clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self.options.clip_norm, use_norm=norm)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss, norm, states

    def _close_epoch(self) -> None:
        progress, options = self.progress, self.options
        loss = progress.loss_sum / progress.num_tokens
        row = {
            "epoch": progress.epoch + 1,
            "step": progress.step,
            "tokens": progress.num_tokens,
            "seconds": round(progress.seconds - sum(r["seconds"] for r in progress.history), 3),
            "learning_rate": float(self.optimizer.learning_rate),
            "train_loss": loss,
            "train_perplexity": perplexity(loss),
            "train_bits_per_token": bits(loss),
        }
        if len(self.validation_ids):
            validation = self._evaluate(self.validation_ids, context=int(self.train_ids[-1]))
            if not math.isfinite(validation.mean_cross_entropy):
                raise DivergenceError(
                    f"training diverged at step {progress.step} (epoch {progress.epoch + 1}): "
                    f"validation loss {validation.mean_cross_entropy}. Lower `--learning-rate` or "
                    "`--clip-norm`."
                )
            row |= {
                "validation_loss": validation.mean_cross_entropy,
                "validation_perplexity": validation.perplexity,
                "validation_bits_per_token": validation.bits_per_token,
            }
            if progress.best_loss is None or validation.mean_cross_entropy < progress.best_loss:
                progress.best_loss = validation.mean_cross_entropy
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
        self.states = self.model.initial_states(options.batch_size)

    def _out_of_patience(self) -> bool:
        return 0 < self.options.patience <= self.progress.epochs_without_improvement

    def _windows(self, epoch: int, start_batch: int = 0) -> tf.data.Dataset:
        options = self.options
        return WINDOWS[options.sampling](
            self.train_ids,
            options.batch_size,
            options.num_steps,
            seed=options.seed,
            epoch=epoch,
            start_batch=start_batch,
        )

    def _model_variables(self) -> list[keras.Variable]:
        """Weights and the states of seed generators, which Keras saves nowhere."""
        return self.model.variables


def make_optimizer(options: TrainingOptions, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """The optimizer that the options name, with its learning-rate schedule."""
    rate = options.learning_rate
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
