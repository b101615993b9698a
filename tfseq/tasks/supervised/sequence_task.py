"""What tasks on labelled token sequences share: parts, batches, loss, and how to fit them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfseq.data.labelled.labelled_batches import length_batches
from tfseq.tasks.supervised.supervised_options import SupervisedOptions
from tfseq.tasks.supervised.supervised_trainer import SupervisedTask, SupervisedTrainer


@dataclass(frozen=True)
class LabelledIds:
    """Sequences of ids and their targets.

    Attributes:
        ids: int32 `[N, (T)]`.
        targets: int32 `[N]`, or ragged like `ids`.
    """

    ids: tf.RaggedTensor
    targets: tf.Tensor | tf.RaggedTensor

    @property
    def flat_targets(self) -> np.ndarray:
        """All targets in a row, as a `Predictor` gives its answers."""
        ragged = isinstance(self.targets, tf.RaggedTensor)
        return (self.targets.values if ragged else self.targets).numpy()


def cross_entropy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """−log P(target), one for each target."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)


def sequence_task(
    model: keras.Model,
    train: LabelledIds,
    options: SupervisedOptions,
    validate: Callable[[], Mapping[str, float]],
    **more: Any,
) -> SupervisedTask:
    """The task of fitting a model to labelled sequences, in batches of like length."""
    return SupervisedTask(
        model,
        batches=lambda epoch: length_batches(
            train.ids, train.targets, options.batch_size, seed=options.seed, epoch=epoch
        ),
        loss=cross_entropy,
        validate=validate,
        **more,
    )


def fit_quietly(task: SupervisedTask, options: SupervisedOptions) -> None:
    """Train a task to its best epoch, without a run directory: for a model to compare with."""
    trainer = SupervisedTrainer(task, options)
    while not trainer.finished:
        for _ in trainer.train_epoch():
            pass
    trainer.use_best_weights()


def fingerprint(*parts: Any) -> str:
    """The SHA-256 of values that JSON can hold.

    >>> fingerprint(["a"], [1])[:8]
    '2e57ab89'
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(json.dumps(part, ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()
