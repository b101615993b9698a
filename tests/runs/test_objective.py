"""What is learned from weighted batches: the step, early stopping, divergence."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.options.training_options import TrainingOptions
from tfseq.runs.objective import Objective, weighted_loss
from tfseq.runs.trainer import DivergenceError, Trainer

from .small_run import least_squares


def test_a_step_is_weighted_clipped_and_taken():
    keras.utils.set_random_seed(1)
    objective = least_squares()
    options = TrainingOptions(optimizer="sgd", learning_rate=0.1, clip_norm=0.5)
    trainer = Trainer(objective, options)
    kernel, bias = (w.astype("float64") for w in objective.model.get_weights())
    x, y, w = (part.numpy() for part in next(iter(objective.batches(0, 0))))
    error = x @ kernel + bias - y
    loss = (w * error[:, 0] ** 2).sum() / w.sum()
    gradients = [2 * x.T @ (w[:, None] * error) / w.sum(), 2 * (w @ error) / w.sum()]
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    assert norm > 0.5

    steps = trainer.train_epoch()
    metrics = next(steps)
    assert metrics["loss"] == pytest.approx(loss, rel=1e-5)
    assert metrics["gradient_norm"] == pytest.approx(norm, rel=1e-5)
    weights = objective.model.get_weights()
    for weight, before, g in zip(weights, (kernel, bias), gradients, strict=True):
        np.testing.assert_allclose(weight, before - 0.1 * g * 0.5 / norm, rtol=1e-4, atol=1e-6)
    assert len(list(steps)) == 2
    row = trainer.progress.history[0]
    assert (row["step"], row["targets"]) == (3, 18)


def test_the_loss_so_far_is_the_mean_over_the_targets():
    """Batches with more targets weigh more; each step says it of the epoch at hand."""
    objective = least_squares()
    trainer = Trainer(objective, TrainingOptions(epochs=2))
    for epoch in range(2):
        total, count = 0.0, 0
        counts = [np.count_nonzero(w) for _, _, w in objective.batches(epoch, 0)]
        for metrics, targets in zip(trainer.train_epoch(), counts, strict=True):
            total, count = total + metrics["loss"] * targets, count + targets
            assert metrics["train_loss"] == pytest.approx(total / count)
        assert trainer.progress.history[-1]["train_loss"] == pytest.approx(total / count)
        assert count == 18
    assert len(set(counts)) > 1


def test_the_gradient_of_a_token_that_is_read_twice_is_one():
    """TensorFlow gives a row for each time; the norm and the clipping are those of their sum."""
    model = keras.Sequential(
        [keras.Input((3,), dtype="int32"), keras.layers.Embedding(4, 2), keras.layers.Flatten()]
    )
    ids, targets = np.int32([[1, 1, 2], [1, 3, 2]]), np.zeros([2, 6], "float32")
    batches = tf.data.Dataset.from_tensors((ids, targets, np.ones(2, "float32")))
    objective = Objective(
        model,
        lambda epoch, start_batch: batches.skip(start_batch),
        weighted_loss(model, keras.losses.mean_squared_error),
    )
    table = np.random.default_rng(0).normal(size=[4, 2]).astype("float32")
    model.set_weights([table])
    gradient = np.zeros_like(table)
    for token in ids.ravel():
        gradient[token] += 2 * table[token] / 12
    norm = np.linalg.norm(gradient)
    options = TrainingOptions(
        optimizer="sgd", learning_rate=0.1, learning_rate_decay=1.0, clip_norm=float(norm / 2)
    )
    metrics = next(Trainer(objective, options).train_epoch())
    assert metrics["gradient_norm"] == pytest.approx(norm, rel=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], table - 0.05 * gradient, rtol=1e-5)


@pytest.mark.parametrize(
    ("greater_is_better", "figures", "best", "stopped"),
    [(False, [3.0, 1.0, 2.0, 1.5, 0.1], 2, 4), (True, [0.1, 0.5, 0.5, 0.4, 0.9], 2, 4)],
)
def test_training_stops_and_the_best_weights_stay(greater_is_better, figures, best, stopped):
    left, seen = iter(figures), []

    def validate():
        seen.append(objective.model.get_weights())
        return {"validation_loss": 7.0, "validation_figure": next(left)}

    objective = least_squares(
        validate, monitor="validation_figure", greater_is_better=greater_is_better
    )
    trainer = Trainer(objective, TrainingOptions(epochs=9, patience=2))
    while not trainer.finished:
        list(trainer.train_epoch())
    progress = trainer.progress
    assert (progress.best_epoch, progress.epoch, progress.stopped_early) == (best, stopped, True)
    assert [row["validation_figure"] for row in progress.history] == figures[:stopped]
    trainer.use_best_weights()
    for weight, expected in zip(objective.model.get_weights(), seen[best - 1], strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_divergence_is_named():
    options = TrainingOptions(optimizer="sgd", learning_rate=1e30, clip_norm=None)
    trainer = Trainer(least_squares(), options)
    with pytest.raises(DivergenceError, match=r"diverged at step \d+ \(epoch 1\).*`learning_rate`"):
        list(trainer.train_epoch())
