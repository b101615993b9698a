"""Epochs of steps, checkpointed so that a run resumes to the same bits."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.errors import InputError
from tfseq.files.checkpoint import Checkpoint
from tfseq.runs.objective import Objective
from tfseq.runs.progress import Progress
from tfseq.runs.recipe.averaging import make_averaging
from tfseq.runs.recipe.optimizers import make_optimizer
from tfseq.runs.recipe.schedule import learning_rate
from tfseq.runs.recipe.update import Update
from tfseq.runs.rows.row_tables import RowTables
from tfseq.runs.training_step import TrainingStep
from tfseq.runs.workers.workers import ALONE, Workers


class DivergenceError(InputError):
    """The loss or the gradient became infinite or not a number."""


class Trainer:
    """Trains a model, one step after another, from wherever it stands.

    A step: the gradient g of the batch's loss, g ← g · min(1, clip / ‖g‖), θ ← update(θ, g). The
    states that it ends with begin the next step as constants (truncated back-propagation). Where
    gradients are accumulated, g is the mean over the targets of several steps, and the last of
    them makes the update.

    The order of batches is a function of (seed, epoch); everything else that a step depends on
    is in `checkpoint()`: weights, their averages, optimizer, states, every seed generator, sums,
    counters, best weights. `restore` of it, and the steps after it, give the same bits again.

    Args:
        objective: what is to be learned.
        options: `TrainingOptions`, with no field left None that has a default of its own.
        steps_per_epoch: what the learning-rate schedule takes an epoch to be, on average; None
            takes the number of steps of the first.
        workers: with whom it trains. Each has a trainer of the same objective, and all of them do
            the same, in the same order.

    Example:

    >>> import keras
    >>> from tfseq.runs.objective import weighted_loss
    >>> from tfseq.options.training_options import TrainingOptions
    >>> x = np.linspace(-1, 1, 8, dtype="float32")[:, None]
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> rows = tf.data.Dataset.from_tensors((x, 2 * x, np.ones(8, "float32")))
    >>> objective = Objective(
    ...     model,
    ...     batches=lambda epoch, start_batch: rows.skip(start_batch),
    ...     loss=weighted_loss(model, keras.losses.mean_squared_error),
    ... )
    >>> options = TrainingOptions(epochs=60, learning_rate=0.1, learning_rate_decay=1.0)
    >>> trainer = Trainer(objective, options)
    >>> while not trainer.finished:
    ...     for metrics in trainer.train_epoch():
    ...         pass
    >>> bool(metrics["loss"] < 0.05)
    True
    """

    def __init__(
        self,
        objective: Objective,
        options: Any,
        steps_per_epoch: float | None = None,
        workers: Workers = ALONE,
    ):
        self.objective, self.workers = objective, workers
        self.model = objective.model
        self.options = options
        first, weights = objective.batches(0, 0), self.model.trainable_variables
        specs = objective.batch_specs or [(first.element_spec, 1.0)]
        self.batch_spec = specs[0][0]
        updates = self._num_updates(steps_per_epoch or int(first.cardinality()))
        rate = learning_rate(options, updates, varies=len(specs) > 1)
        self._tables = RowTables(objective.tables, objective.draw)
        updated = self._tables.replaced(weights)
        self.optimizer = make_optimizer(options, updated, rate)
        self._tables.adopt(self.optimizer)
        tables = [table.variable for table in objective.tables]
        self.averaging = make_averaging(options, weights, tables)
        for average in self.averaging.averages if self.averaging else ():
            self._tables.average(average.lagging)
        rates = objective.layer_rates
        if rates is not None:
            groups = [self._tables.replaced(group) for group in rates.groups]
            rates = dataclasses.replace(rates, groups=groups)
        if self.averaging and options.averaging != "ema" and objective.validate is None:
            raise InputError(
                f"`averaging` {options.averaging} goes by the validation loss, and there is no "
                "validation split. Set one apart, or use ema."
            )
        self.progress = Progress()
        self.best_weights: list[np.ndarray] | None = None
        self.states = workers.own_rows(objective.initial_states())
        self._update = Update(
            *(self.optimizer, updated, options.clip_norm, self.averaging, options.accumulate, rate),
            layer_rates=rates,
            updates_per_epoch=updates,
        )
        self._train_step = TrainingStep(
            objective, self._update, specs, self.states, self._tables, workers
        )

    @property
    def finished(self) -> bool:
        """All epochs are done, or validation no longer improves."""
        return self.progress.stopped_early or self.progress.epoch >= self.options.epochs

    @property
    def step_kind(self) -> str | None:
        """How the steps run: "compiled", "compiled in halves", or "graph: …", with the reason.

        None before the first step.
        """
        return self._train_step.kind

    def steps_in_epoch(self, epoch: int) -> int:
        """How many steps an epoch has."""
        return int(self.objective.batches(epoch, 0).cardinality())

    def train_epoch(self) -> Iterator[dict[str, float]]:
        """Run the rest of the current epoch, yielding the metrics after each step.

        After the last step the epoch is closed: validation, best weights, early stopping, a row
        of history. A consumer may take a `checkpoint()` between any two steps.

        Raises:
            DivergenceError: the loss or the gradient norm is not finite.
        """
        progress = self.progress
        started = time.monotonic()
        batches = self.objective.batches(progress.epoch, progress.batch)
        num_batches = progress.batch + int(batches.cardinality())
        for batch in batches:
            last = progress.batch + 1 in (num_batches, self._next_update())
            loss, norm, num_targets, self.states = self._train_step(batch, self.states, last)
            loss, norm, num_targets = float(loss), float(norm), int(num_targets)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise self._divergence(f"loss {loss}, gradient norm {norm}", step=progress.step + 1)
            now = time.monotonic()
            progress.seconds += now - started
            progress.step += 1
            progress.batch += 1
            progress.loss_sum += loss * num_targets
            progress.num_targets += num_targets
            if last:
                progress.norm_sum += norm
                progress.norm_max = max(progress.norm_max, norm)
            so_far = self.objective.train_metrics(progress.loss_sum / progress.num_targets)
            yield {"loss": loss, "gradient_norm": norm, **so_far}
            started = time.monotonic()
        self._close_epoch()

    def checkpoint(self) -> Checkpoint:
        """Everything that the steps to come depend on.

        Raises:
            DivergenceError: the last update left weights that are not finite. The steps to come
                could only fail.
        """
        parts = {
            **self._variables(),
            "state": tf.nest.flatten(self.workers.all_rows(self.states)),
            "best": self.best_weights or [],
        }
        arrays = {
            f"{part}/{i}": np.asarray(value)
            for part, values in parts.items()
            for i, value in enumerate(values)
        }
        if not all(np.isfinite(a).all() for name, a in arrays.items() if name.startswith("model/")):
            raise self._divergence("weights that are not finite")
        return Checkpoint(self.progress.step, arrays, dataclasses.asdict(self.progress))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Stand where `checkpoint()` was taken."""
        arrays = checkpoint.arrays
        for part, variables in self._variables().items():
            for i, variable in enumerate(variables):
                variable.assign(arrays[f"{part}/{i}"])
        states = tf.nest.flatten(self.states)
        states = [tf.cast(arrays[f"state/{i}"], s.dtype) for i, s in enumerate(states)]
        states = self.workers.own_rows(states)
        self.states = tf.nest.pack_sequence_as(self.states, states)
        best = [arrays[f"best/{i}"] for i in range(len(self.model.weights)) if "best/0" in arrays]
        self.best_weights = best or None
        metadata = dict(checkpoint.metadata)
        if "num_tokens" in metadata:  # As earlier versions called it.
            metadata["num_targets"] = metadata.pop("num_tokens")
        self.progress = Progress(**metadata)
        # A run that has stopped goes on with more patience.
        self.progress.stopped_early = self._out_of_patience()

    def averaged(self) -> contextlib.AbstractContextManager[None]:
        """While it is open, the model has the weights that are validated, kept and exported.

        They are its own, unless the options ask for an average.
        """
        return self.averaging.in_use() if self.averaging else contextlib.nullcontext()

    def use_best_weights(self) -> None:
        """Give the model the weights of the best epoch, or where there is none, the last."""
        best = self.best_weights
        if best is None:
            with self.averaged():
                best = self.model.get_weights()
        self.model.set_weights(best)

    def _variables(self) -> dict[str, list]:
        """Variables that the steps to come depend on, as checkpoints number them."""
        return {
            # With the states of seed generators, which Keras saves nowhere.
            "model": self.model.variables,
            "optimizer": self.optimizer.variables,
            "average": self.averaging.variables if self.averaging else [],
            "accumulated": self._update.accumulated,
            "rows": self._tables.variables,
        }

    def _num_updates(self, num_steps: float) -> int:
        """How many updates so many steps of an epoch make."""
        return math.ceil(num_steps / self.options.accumulate)

    def _next_update(self) -> int:
        """After how many steps of the epoch the next update is made."""
        accumulate = self.options.accumulate
        return self.progress.batch // accumulate * accumulate + accumulate

    def _close_epoch(self) -> None:
        progress = self.progress
        row = {
            "epoch": progress.epoch + 1,
            "step": progress.step,
            self.objective.targets: progress.num_targets,
            "seconds": round(progress.seconds - sum(r["seconds"] for r in progress.history), 3),
            "learning_rate": float(self.optimizer.learning_rate),
            **self.objective.train_metrics(progress.loss_sum / progress.num_targets),
            "gradient_norm": progress.norm_sum / self._num_updates(progress.batch),
            "gradient_norm_max": progress.norm_max,
        }
        if self.objective.validate is not None:
            waited = self.averaging is not None and self.averaging.waits
            metrics, loss = self._validate()
            row |= metrics
            if not math.isfinite(loss):
                raise self._divergence(f"validation loss {metrics[self.objective.monitor]}")
            if progress.best_loss is None or loss < progress.best_loss:
                progress.best_loss = loss
                progress.best_epoch = progress.epoch + 1
                progress.epochs_without_improvement = 0
                with self.averaged():
                    self.best_weights = self.model.get_weights()
            elif not waited:
                progress.epochs_without_improvement += 1
                progress.stopped_early = self._out_of_patience()
        if self.averaging is not None:
            row["averaged_updates"] = self.averaging.num_averaged
        progress.history.append(row)
        progress.epoch += 1
        progress.batch = 0
        progress.loss_sum, progress.num_targets = 0.0, 0
        progress.norm_sum, progress.norm_max = 0.0, 0.0
        self.states = self.workers.own_rows(self.objective.initial_states())

    def _validate(self) -> tuple[dict[str, float], float]:
        """The metrics of validation, and the loss: the least is the best."""

        def loss_of(metrics):
            loss = metrics[self.objective.monitor]
            return -loss if self.objective.greater_is_better else loss

        def measure():
            metrics = self.workers.found(self.objective.validate)
            return metrics, loss_of(metrics)

        if self.averaging is None:
            return measure()
        return self.averaging.validate(measure, list(map(loss_of, self.progress.history)))

    def _out_of_patience(self) -> bool:
        return 0 < self.options.patience_epochs() <= self.progress.epochs_without_improvement

    def _divergence(self, what: str, step: int | None = None) -> DivergenceError:
        progress = self.progress
        return DivergenceError(
            f"training diverged at step {step or progress.step} (epoch {progress.epoch + 1}): "
            f"{what}. Lower `learning_rate` or `clip_norm`."
        )
