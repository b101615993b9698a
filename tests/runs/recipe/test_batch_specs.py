"""Batches of a few shapes: a step for each, and a learning rate that goes with it."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.options.training_options import TrainingOptions
from tfseq.runs.trainer import Trainer

from ..small_run import least_squares

FACTORS = {8: 1.0, 4: 0.5}
SIZES = [8, 4, 4, 8]


def make(**options):
    """Batches of 8, 4, 4 and 8 rows."""
    keras.utils.set_random_seed(0)
    objective = least_squares()
    x, y, w = (np.concatenate(part) for part in zip(*objective.batches(0, 0), strict=True))
    cuts = np.cumsum([0, *SIZES])
    parts = [(x[a:b], y[a:b], w[a:b]) for a, b in itertools.pairwise(cuts)]
    signature = tuple(tf.TensorSpec([None, *part.shape[1:]]) for part in (x, y, w))

    def batches(epoch, start_batch):
        dataset = tf.data.Dataset.from_generator(lambda: iter(parts), output_signature=signature)
        count = tf.data.experimental.assert_cardinality(len(parts))
        return dataset.apply(count).skip(start_batch)

    specs = [
        (tuple(tf.TensorSpec([n, *s.shape[1:]]) for s in signature), factor)
        for n, factor in FACTORS.items()
    ]
    objective = dataclasses.replace(objective, batches=batches, batch_specs=specs)
    usual = {"optimizer": "sgd", "learning_rate": 0.2, "clip_norm": None, "schedule": "constant"}
    return Trainer(objective, TrainingOptions(**{**usual, **options})), parts


def gradients(weights, batches):
    x, y, w = (np.concatenate(part).astype("float64") for part in zip(*batches, strict=True))
    error = x @ weights[0] + weights[1] - y
    return [2 * x.T @ (w[:, None] * error) / w.sum(), 2 * (w @ error) / w.sum()]


@pytest.mark.parametrize(
    ("accumulate", "factors"),
    [pytest.param(1, [1, 0.5, 0.5, 1], marks=pytest.mark.slow), (2, [0.75, 0.75])],
)
def test_the_learning_rate_goes_with_the_shape(accumulate, factors):
    """Where gradients are accumulated, it goes with the mean of the factors."""
    trainer, parts = make(accumulate=accumulate)
    assert trainer.batch_spec[0].shape == (8, 3)
    expected = trainer.model.get_weights()
    list(trainer.train_epoch())
    for number, factor in enumerate(factors):
        g = gradients(expected, parts[number * accumulate : (number + 1) * accumulate])
        expected = [w - 0.2 * factor * d for w, d in zip(expected, g, strict=True)]
    for weight, value in zip(trainer.model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(weight, value, rtol=1e-5, atol=1e-6)
    assert float(trainer.optimizer.learning_rate) == pytest.approx(0.2)
