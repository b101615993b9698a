"""Several batches for an update, beside one batch that holds them all."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.files.checkpoint import load_latest_checkpoint, save_checkpoint
from tfseq.options.training_options import TrainingOptions
from tfseq.runs.trainer import Trainer

from ..small_run import least_squares
from ..small_trainer import bits_of


def make(whole_epochs=False, seed=0, **options):
    """Three batches of 8 rows an epoch, with unequal numbers of targets, or one of all 24."""
    keras.utils.set_random_seed(seed)
    objective = least_squares()
    several = objective.batches
    if whole_epochs:

        def batches(epoch, start_batch):
            parts = zip(*several(epoch, 0), strict=True)
            whole = tuple(np.concatenate(part) for part in parts)
            return tf.data.Dataset.from_tensors(whole).skip(start_batch)

        objective = dataclasses.replace(objective, batches=batches)
    usual = {"learning_rate": 0.1, "learning_rate_decay": 0.5, "clip_norm": 0.5, "epochs": 2}
    return Trainer(objective, TrainingOptions(**{**usual, "optimizer": "adam", **options}))


def test_as_one_large_batch():
    """Loss, norm, clipping and update are those of all targets alike, and so is the schedule."""
    several, one = make(accumulate=3, averaging="ema"), make(whole_epochs=True, averaging="ema")
    for _ in range(2):
        steps = [m["gradient_norm"] for m in several.train_epoch()]
        (large,) = [m["gradient_norm"] for m in one.train_epoch()]
        assert steps[-1] == pytest.approx(large, rel=1e-5)
        for row, expected in zip(several.progress.history, one.progress.history, strict=True):
            for name in ("train_loss", "gradient_norm", "learning_rate", "targets"):
                assert row[name] == pytest.approx(expected[name], rel=1e-5)
    for a, b in zip(several.model.get_weights(), one.model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    with several.averaged(), one.averaged():
        for a, b in zip(several.model.get_weights(), one.model.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_the_last_update_of_an_epoch_takes_what_is_left():
    trainer = make(accumulate=2)
    before, changed = trainer.model.get_weights()[0], []
    for _ in trainer.train_epoch():
        after = trainer.model.get_weights()[0]
        changed.append(bool((after != before).any()))
        before = after
    assert changed == [False, True, True]
    assert int(trainer.optimizer.iterations) == 2


def test_taken_up_between_two_batches_of_an_update(tmp_path):
    whole = make(accumulate=2)
    epoch = whole.train_epoch()
    next(epoch)
    save_checkpoint(tmp_path, whole.checkpoint())
    list(epoch)
    list(whole.train_epoch())
    other = make(accumulate=2, seed=9)
    next(other.train_epoch())
    other.restore(load_latest_checkpoint(tmp_path)[0])
    while not other.finished:
        list(other.train_epoch())
    assert bits_of(other.checkpoint()) == bits_of(whole.checkpoint())
