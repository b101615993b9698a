"""Whole steps in halves or in one piece, beside those that Keras takes eagerly."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.data import sequential_windows
from tfseq.files.checkpoint import load_latest_checkpoint, save_checkpoint

from .. import small_trainer
from ..small_trainer import assert_weights, bits_of, clipped, loss_and_gradients, make_trainer

LARGE = 300  # Rows of a table whose gradient is one of rows.
TEXT = np.random.default_rng(3).integers(0, 9, 1200).astype("uint16")
WIDE_TEXT = np.random.default_rng(4).zipf(1.3, 1200).clip(max=LARGE).astype("uint16") - 1


class OwnOptimizer(keras.optimizers.Optimizer):
    """θ ← θ − η sign(g) g² at odd steps and θ ← θ − η g at even ones, by the optimizer's count."""

    def update_step(self, gradient, variable, learning_rate):
        odd = keras.ops.cast(self.iterations % 2, gradient.dtype)
        step = odd * keras.ops.sign(gradient) * gradient**2 + (1 - odd) * gradient
        self.assign_sub(variable, keras.ops.cast(learning_rate, gradient.dtype) * step)


def own_optimizer(learning_rate):
    return OwnOptimizer(learning_rate)


EAGER = {
    "sgd": keras.optimizers.SGD,
    "adam": keras.optimizers.Adam,
    "adamw": lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.1),
    own_optimizer: own_optimizer,
}

HALVES, WHOLE = "compiled in halves", "compiled"


@pytest.fixture
def large_vocabulary(monkeypatch):
    monkeypatch.setattr(small_trainer, "V", LARGE)


@pytest.mark.everyday(1)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (HALVES, {"batch_size": 32, "cell": "gru", "embedding_size": 4, "tie_embeddings": True}),
        (HALVES, {"batch_size": 32, "cell": "lstm", "num_layers": 2, "optimizer": "adam"}),
        (HALVES, {"batch_size": 34, "cell": "rnn", "optimizer": own_optimizer}),
        (HALVES, {"batch_size": 32, "cell": "gru", "optimizer": "adamw", "clip_norm": None}),
        (WHOLE, {"batch_size": 33, "cell": "lstm", "embedding_size": 3, "clip_norm": None}),
        (WHOLE, {"batch_size": 33, "cell": "gru", "optimizer": own_optimizer}),
        (WHOLE, {"batch_size": 8, "cell": "rnn", "num_layers": 2, "optimizer": "adamw"}),
        (WHOLE, {"batch_size": 30, "cell": "gru", "embedding_size": 4, "tie_embeddings": True}),
        (HALVES, {"batch_size": 32, "cell": "min_gru", "num_layers": 2}),
        (HALVES, {"batch_size": 32, "cell": "min_lstm", "embedding_size": 4}),
        (HALVES, {"batch_size": 32, "cell": "rg_lru", "num_layers": 2, "embedding_size": 4}),
        (HALVES, {"batch_size": 32, "cell": "layer_norm_lstm", "num_layers": 2}),
        (HALVES, {"batch_size": 32, "cell": "mogrifier", "num_layers": 2, "embedding_size": 4}),
    ],
)
def test_three_steps(kind, options):
    check_steps(kind, TEXT, options)


@pytest.mark.slow
@pytest.mark.usefixtures("large_vocabulary")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (HALVES, {"batch_size": 32, "cell": "gru", "optimizer": "adam"}),
        (HALVES, {"batch_size": 32, "cell": "lstm", "clip_norm": None}),
        (WHOLE, {"batch_size": 7, "cell": "rnn", "num_layers": 2}),
        (HALVES, {"batch_size": 32, "cell": "gru", "tie_embeddings": True}),
    ],
)
def test_three_steps_with_a_table_of_many_rows(kind, options):
    check_steps(kind, WIDE_TEXT, {"embedding_size": 4, **options})


def check_steps(kind, text, options):
    """Loss, norm, weights and states of three steps, the states carried from one to the next."""
    options = {"optimizer": "sgd", "clip_norm": 0.2, "learning_rate": 0.05, **options}
    options |= {"weight_decay": 0.1} if options["optimizer"] == "adamw" else {}
    options |= {"learning_rate_decay": 1.0, "num_steps": 4}
    trainer = make_trainer(text, text[:0], **options)
    twin = make_trainer(text, text[:0], **options).model
    small_trainer.spread(trainer.model)
    twin.set_weights(trainer.model.get_weights())
    optimizer = EAGER[options["optimizer"]](options["learning_rate"])
    optimizer.build(twin.trainable_variables)
    states = twin.initial_states(options["batch_size"])
    windows = sequential_windows(text, options["batch_size"], 4, seed=0, epoch=0)
    for metrics, (inputs, targets) in zip(trainer.train_epoch(), windows.take(3), strict=False):
        loss, gradients, states = loss_and_gradients(twin, inputs, targets, states)
        norm, gradients = clipped(gradients, options["clip_norm"])
        gradients = [tf.constant(g, tf.float32) for g in gradients]
        optimizer.apply_gradients(zip(gradients, twin.trainable_variables, strict=True))
        assert metrics["loss"] == pytest.approx(loss, rel=1e-5)
        assert metrics["gradient_norm"] == pytest.approx(norm, rel=1e-4)
        assert_close(trainer.model.get_weights(), twin.get_weights())
        assert_close(trainer.states, states)
    assert trainer.progress.step == int(trainer.optimizer.iterations)
    assert trainer.step_kind == kind


def assert_close(values, expected):
    for a, b in zip(tf.nest.flatten(values), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("large_vocabulary")
def test_taken_up_between_any_two_steps(tmp_path):
    """With dropout, in halves, and with gradients of rows."""
    options = {"batch_size": 32, "num_steps": 4, "embedding_size": 4, "dropout": 0.4, "epochs": 1}
    whole = make_trainer(WIDE_TEXT[:640], WIDE_TEXT[:0], cell="lstm", **options)
    save_checkpoint(tmp_path / "0", whole.checkpoint())
    for step, _ in enumerate(whole.train_epoch(), start=1):
        save_checkpoint(tmp_path / str(step), whole.checkpoint())
    assert step == 4
    assert whole.step_kind == HALVES
    other = make_trainer(WIDE_TEXT[:640], WIDE_TEXT[:0], cell="lstm", weights_seed=9, **options)
    for step in range(4):
        other.restore(load_latest_checkpoint(tmp_path / str(step))[0])
        list(other.train_epoch())
        assert bits_of(other.checkpoint()) == bits_of(whole.checkpoint())
    assert_weights(other.model, whole.model.get_weights(), rtol=0)
