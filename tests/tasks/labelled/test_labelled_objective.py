"""Sequences in buckets of like length, with dropout, go on from a checkpoint the same."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.models import TextClassifier
from tfseq.options.training_options import TrainingOptions
from tfseq.runs.trainer import Trainer
from tfseq.tasks.labelled.objective import LabelledIds, labelled_objective


@pytest.mark.slow
def test_sequences_in_buckets_with_dropout_go_on_the_same():
    """A classifier's own batches and its layers' dropout, from a checkpoint within an epoch."""
    chance = np.random.default_rng(0)
    rows = [list(chance.integers(0, 6, n)) for n in chance.integers(0, 7, 14)]
    train = LabelledIds(tf.ragged.constant(rows, tf.int32), tf.constant([0, 1] * 7))
    options = TrainingOptions(epochs=2, batch_size=4, seed=3)
    model = TextClassifier(6, 2, units=3, dropout=0.4, embedding_size=4)
    trainer = Trainer(labelled_objective(model, train, options, validate=None), options)
    steps = trainer.train_epoch()
    for _ in range(2):
        next(steps)
    checkpoint, ends = trainer.checkpoint(), []
    for _ in range(2):
        trainer.restore(checkpoint)
        assert (trainer.progress.step, trainer.progress.batch) == (2, 2)
        while not trainer.finished:
            list(trainer.train_epoch())
        ends.append((model.get_weights(), trainer.progress.history[-1]["train_loss"]))
    (whole, loss), (resumed, again) = ends
    assert trainer.progress.step == 8
    assert loss == again
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a, b)
