"""Labelled sequences of ids, and how a model learns from them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfseq.data.labelled.labelled_batches import length_batches
from tfseq.options.training_options import TrainingOptions
from tfseq.runs.objective import Objective, weighted_loss
from tfseq.runs.recipe.layer_rates import LayerRates


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


def labelled_objective(
    model: keras.Model,
    train: LabelledIds,
    options: TrainingOptions,
    validate: Callable[[], Mapping[str, float]] | None,
    rates: LayerRates | None = None,
) -> Objective:
    """−log P(target), on batches of sequences of like length."""
    return Objective(
        model,
        lambda epoch, start_batch: length_batches(
            train.ids, train.targets, options.batch_size, seed=options.seed, epoch=epoch
        ).skip(start_batch),
        weighted_loss(model, tf.nn.sparse_softmax_cross_entropy_with_logits),
        validate=validate,
        independent_rows=True,
        layer_rates=rates,
    )


def fingerprint(*parts: Any) -> str:
    """The SHA-256 of values that JSON can hold.

    >>> fingerprint(["a"], [1])[:8]
    '2e57ab89'
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(json.dumps(part, ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()
