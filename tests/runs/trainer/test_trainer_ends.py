"""When training stops: early, at the end, or because it has diverged."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from tfseq.files.checkpoint import load_latest_checkpoint, save_checkpoint
from tfseq.runs.trainer import DivergenceError

from ..small_trainer import V, assert_weights, make_trainer, script_validation, spread


@pytest.fixture(scope="module")
def compiled_trainer():
    """Its step is compiled once for all tests."""
    return make_trainer()


@pytest.fixture(scope="module")
def start(compiled_trainer):
    return compiled_trainer.checkpoint()


@pytest.fixture
def trainer(compiled_trainer, start, monkeypatch):
    """A trainer that has taken no step, with an objective and options to be changed."""
    compiled_trainer.restore(start)
    monkeypatch.setattr(compiled_trainer, "objective", compiled_trainer.objective)
    monkeypatch.setattr(compiled_trainer, "options", compiled_trainer.options)
    return compiled_trainer


def test_early_stopping_and_the_best_weights(trainer):
    trainer.options = dataclasses.replace(trainer.options, epochs=99, patience=3)
    seen = script_validation(trainer, [3.0, 2.0, 2.5, 1.9, 1.9, 2.4, 2.0, 0.1])
    while not trainer.finished:
        list(trainer.train_epoch())
    progress = trainer.progress
    # Epoch 5 is as good as 4, which is no better; so 5, 6 and 7 are the three.
    assert (progress.epoch, progress.best_epoch, progress.best_loss) == (7, 4, 1.9)
    assert progress.stopped_early
    assert_weights(trainer.model, seen[6], rtol=0)
    trainer.use_best_weights()
    assert_weights(trainer.model, seen[3], rtol=0)


def test_patience_zero_never_stops(trainer):
    trainer.options = dataclasses.replace(trainer.options, epochs=6, patience=0)
    script_validation(trainer, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    while not trainer.finished:
        list(trainer.train_epoch())
    assert (trainer.progress.epoch, trainer.progress.best_epoch) == (6, 1)
    assert not trainer.progress.stopped_early


def test_divergence_names_the_step_and_spoils_no_checkpoint(trainer):
    epoch = trainer.train_epoch()
    next(epoch)
    good = trainer.checkpoint()
    trainer.model.output_kernel.assign(np.full([4, V], 3e38))
    message = r"at step 2 \(epoch 1\): loss .*, gradient norm (nan|inf)\. Lower `learning_rate`"
    with pytest.raises(DivergenceError, match=message):
        list(epoch)
    assert (trainer.progress.step, trainer.progress.batch) == (1, 1)
    trainer.restore(good)
    assert math.isfinite(next(trainer.train_epoch())["loss"])


def test_infinite_weights_are_never_saved():
    """The loss was finite, the update was not: the step after it would be the one to fail."""
    trainer = make_trainer(optimizer="sgd", learning_rate=3e38, clip_norm=None)
    spread(trainer.model)
    trainer.model.set_weights([w * 100 for w in trainer.model.get_weights()])
    next(trainer.train_epoch())
    assert not all(np.isfinite(w).all() for w in trainer.model.get_weights())
    with pytest.raises(DivergenceError, match=r"at step 1 \(epoch 1\): weights that are not"):
        trainer.checkpoint()


def test_a_gradient_that_is_not_finite_stops_too(trainer):
    states = [np.full([3, 4], np.nan, "float32")]
    trainer.states = [tf.constant(s) for s in states]
    with pytest.raises(DivergenceError, match=r"at step 1 \(epoch 1\): loss nan, gradient norm"):
        next(trainer.train_epoch())


def test_validation_that_is_not_a_number_stops(trainer):
    script_validation(trainer, [math.nan])
    with pytest.raises(DivergenceError, match="validation"):
        list(trainer.train_epoch())
    assert trainer.best_weights is None
    assert trainer.progress.best_epoch is None


def test_a_loss_beyond_any_perplexity_is_saved_all_the_same(tmp_path):
    """exp(loss) is infinite long before the loss is."""
    trainer = make_trainer(optimizer="sgd", learning_rate=1e4, clip_norm=None, epochs=1)
    list(trainer.train_epoch())
    row = trainer.progress.history[0]
    assert row["train_loss"] > 700
    assert row["train_perplexity"] == math.inf
    save_checkpoint(tmp_path, trainer.checkpoint())
    restored, _ = load_latest_checkpoint(tmp_path)
    assert restored.metadata["history"] == trainer.progress.history
