"""Training on labelled batches, checkpointed so that a run resumes to the same bits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from tfseq.runs.trainer import CheckpointedTrainer, StepResult, make_optimizer
from tfseq.tasks.supervised.supervised_options import SupervisedOptions
from tfseq.text import Vocabulary


@dataclass(frozen=True)
class SupervisedTask:
    """What is to be learned: a model, batches for it, a loss, and how it is validated.

    Attributes:
        model: the model, built. It is called as `model(inputs, training=True)`.
        batches: epoch -> a finite `tf.data.Dataset` of `(inputs, targets, weights)` with known
            cardinality and the same element_spec each time, wholly determined by the epoch and
            the seed. `weights` are float, with the shape of the losses: 1 for a target that
            counts, 0 for padding.
        loss: (targets, outputs) -> one loss for each target, float `[B]`, `[B, T]`, ...; for
            example a Keras loss with `reduction="none"`, or one of `keras.losses`' functions.
        validate: gives figures of the model with its present weights, `validation_loss` among
            them, each name beginning with `validation_`; None does without validation, and so
            without early stopping.
        fingerprint: a digest of the data, so that a run goes on with no other.
        monitor: the figure of `validate` by which the best epoch is chosen.
        greater_is_better: whether `monitor` is to become large (an accuracy) or small (a loss).
        evaluate: gives what `metrics.json` says besides, once the model has its best weights.
        vocabulary: kept as `vocabulary.txt`, or None.
        files: name -> content of other files that a run begins with, `labels.txt` say.
    """

    model: keras.Model
    batches: Callable[[int], tf.data.Dataset]
    loss: Callable[[Any, Any], tf.Tensor]
    validate: Callable[[], Mapping[str, float]] | None
    fingerprint: str
    monitor: str = "validation_loss"
    greater_is_better: bool = False
    evaluate: Callable[[], Mapping[str, Any]] = dict
    vocabulary: Vocabulary | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


class SupervisedTrainer(CheckpointedTrainer):
    """Trains a model on labelled batches, one step after another, from wherever it stands.

    A step: L = Σ w l(y, ŷ) / Σ w over the targets of the batch, then the gradient of L, clipped
    by its global norm, then the optimizer.

    Args:
        task: the task.
        options: how to train.

    Example:

    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 8, dtype="float32")[:, None]
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> task = SupervisedTask(
    ...     model,
    ...     batches=lambda epoch: tf.data.Dataset.from_tensors((x, 2 * x, np.ones(8, "float32"))),
    ...     loss=keras.losses.mean_squared_error,
    ...     validate=None,
    ...     fingerprint="none",
    ... )
    >>> options = SupervisedOptions(epochs=60, learning_rate=0.1, learning_rate_decay=1.0)
    >>> trainer = SupervisedTrainer(task, options)
    >>> while not trainer.finished:
    ...     for figures in trainer.train_epoch():
    ...         pass
    >>> bool(figures["loss"] < 0.05)
    True
    """

    count_column = "targets"

    def __init__(self, task: SupervisedTask, options: SupervisedOptions):
        self.task = task
        first = task.batches(0)
        super().__init__(task.model, options, make_optimizer(options, int(first.cardinality())))
        self._train_step = tf.function(
            self._step, input_signature=first.element_spec, autograph=False
        )

    def steps_in_epoch(self, epoch: int) -> int:
        """How many steps an epoch has."""
        return int(self.task.batches(epoch).cardinality())

    def _batches(self, epoch: int, start_batch: int) -> tf.data.Dataset:
        return self.task.batches(epoch).skip(start_batch)

    def _run_step(self, batch) -> StepResult:
        loss, norm, num_targets = self._train_step(*batch)
        return StepResult(float(loss), float(norm), int(num_targets))

    def _step(self, inputs, targets, weights):
        with tf.GradientTape() as tape:
            outputs = self.model(inputs, training=True)
            losses = tf.cast(self.task.loss(targets, outputs), tf.float32)
            weights = tf.cast(weights, tf.float32)
            loss = tf.math.divide_no_nan(tf.reduce_sum(losses * weights), tf.reduce_sum(weights))
        return loss, self._apply_gradients(tape, loss), tf.math.count_nonzero(weights)

    def _training_figures(self, loss: float) -> dict[str, float]:
        return {"train_loss": loss}

    def _validate(self) -> tuple[float, dict[str, float]] | None:
        if self.task.validate is None:
            return None
        figures = dict(self.task.validate())
        monitored = figures[self.task.monitor]
        return (-monitored if self.task.greater_is_better else monitored), figures
