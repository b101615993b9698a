"""Training steps computed a second time by hand."""

import math

import numpy as np
import pytest

from tfseq.data import random_windows, sequential_windows
from tfseq.errors import InputError

from ..small_trainer import (
    IDS,
    assert_weights,
    clipped,
    cross_entropy,
    loss_and_gradients,
    make_trainer,
    spread,
)


@pytest.mark.everyday(1)
@pytest.mark.parametrize(
    "input_options",
    [{}, {"embedding_size": 3}, {"embedding_size": 4, "tie_embeddings": True}],
    ids=["one-hot", "embedding", "tied"],
)
@pytest.mark.parametrize("clip_norm", [0.05, None])
def test_a_step_of_sgd(input_options, clip_norm):
    """θ ← θ − η g min(1, clip / ‖g‖), ‖g‖ over all weights: also where tokens repeat in a batch."""
    trainer = make_trainer(
        optimizer="sgd", learning_rate=0.7, clip_norm=clip_norm, sampling="random", **input_options
    )
    model = trainer.model
    spread(model)
    before = model.get_weights()
    inputs, targets = next(iter(random_windows(IDS[:125], 3, 5)))
    loss, gradients, _ = loss_and_gradients(model, inputs, targets)
    norm, gradients = clipped(gradients, clip_norm)

    figures = next(trainer.train_epoch())

    assert figures["loss"] == pytest.approx(loss, rel=1e-5)
    assert figures["train_perplexity"] == pytest.approx(math.exp(loss), rel=1e-5)
    assert figures["gradient_norm"] == pytest.approx(norm, rel=1e-4)
    assert_weights(model, [w - 0.7 * g for w, g in zip(before, gradients, strict=True)])


@pytest.mark.parametrize("optimizer", [pytest.param("adam", marks=pytest.mark.slow), "adamw"])
def test_a_step_of_adam(optimizer):
    """The first step of Adam: m̂ = g, v̂ = g², so θ ← θ − η g / (|g| + ε), for AdamW less η λ θ.

    Keras adds its 1e-7 to √v, before the correction of v: ε = 1e-7 / √(1 − β₂).
    """
    ε = 1e-7 / math.sqrt(1 - 0.999)
    decay = {"weight_decay": 0.3} if optimizer == "adamw" else {}
    trainer = make_trainer(
        optimizer=optimizer, learning_rate=0.01, clip_norm=None, embedding_size=3, **decay
    )
    model = trainer.model
    spread(model)
    before = model.get_weights()
    inputs, targets = next(iter(sequential_windows(IDS[:125], 3, 5)))
    _, gradients, _ = loss_and_gradients(model, inputs, targets)
    next(trainer.train_epoch())
    decay = 0.01 * decay.get("weight_decay", 0)
    for weight, old, g in zip(model.get_weights(), before, gradients, strict=True):
        clear = np.abs(g) > 1e-3  # The sign of smaller ones is a matter of rounding.
        expected = old * (1 - decay) - 0.01 * g / (np.abs(g) + ε)
        assert clear.mean() > 0.5
        np.testing.assert_allclose(weight[clear], expected[clear], atol=2e-5)
        np.testing.assert_allclose(weight[g == 0], old[g == 0] * (1 - decay), atol=1e-6)


@pytest.mark.slow
def test_sequential_windows_carry_the_state_as_a_constant():
    trainer = make_trainer(optimizer="sgd", learning_rate=0.5, cell="lstm", clip_norm=0.3)
    model = trainer.model
    spread(model)
    windows = list(sequential_windows(IDS[:125], 3, 5, seed=0, epoch=0))
    epoch = trainer.train_epoch()
    states = model.initial_states(3)
    for inputs, targets in windows[:3]:
        before = model.get_weights()
        loss, gradients, states = loss_and_gradients(model, inputs, targets, states)
        _, gradients = clipped(gradients, 0.3)
        figures = next(epoch)
        assert figures["loss"] == pytest.approx(loss, rel=1e-5)
        assert_weights(model, [w - 0.5 * g for w, g in zip(before, gradients, strict=True)])
    from_zero, _, _ = loss_and_gradients(model, *windows[3])
    carried, _, _ = loss_and_gradients(model, *windows[3], states)
    assert next(epoch)["loss"] == pytest.approx(carried, rel=1e-5)
    assert abs(from_zero - carried) > 1e-3

    # Each epoch begins anew, with its own windows.
    for _ in epoch:
        pass
    inputs, targets = next(iter(sequential_windows(IDS[:125], 3, 5, seed=0, epoch=1)))
    loss, _, _ = loss_and_gradients(model, inputs, targets)
    assert next(trainer.train_epoch())["loss"] == pytest.approx(loss, rel=1e-5)


@pytest.mark.slow
def test_random_windows_start_from_zero():
    trainer = make_trainer(optimizer="sgd", learning_rate=0.5, sampling="random", seed=4)
    spread(trainer.model)
    windows = random_windows(IDS[:125], 3, 5, seed=4, epoch=0)
    epoch = trainer.train_epoch()
    for inputs, targets in windows:
        loss, _, _ = loss_and_gradients(trainer.model, inputs, targets)
        assert next(epoch)["loss"] == pytest.approx(loss, rel=1e-5)
    assert next(epoch, None) is None


@pytest.mark.slow
def test_learning_rate_falls_a_little_at_each_step():
    trainer = make_trainer(
        optimizer="sgd", learning_rate=0.4, learning_rate_decay=0.5, epochs=2, sampling="random"
    )
    model = trainer.model
    steps = 8
    windows = list(random_windows(IDS[:125], 3, 5, epoch=0))
    assert len(windows) in (steps, steps - 1)
    epoch = trainer.train_epoch()
    for done, (inputs, targets) in enumerate(windows):
        rate = 0.4 * 0.5 ** (done / steps)
        assert float(trainer.optimizer.learning_rate) == pytest.approx(rate, rel=1e-5)
        before = model.get_weights()
        _, gradients, _ = loss_and_gradients(model, inputs, targets)
        _, gradients = clipped(gradients, 1.0)
        next(epoch)
        assert_weights(model, [w - rate * g for w, g in zip(before, gradients, strict=True)])
    list(epoch)
    row = trainer.progress.history[0]
    assert row["learning_rate"] == pytest.approx(0.4 * 0.5 ** (len(windows) / steps), rel=1e-5)


@pytest.mark.slow
def test_figures_of_an_epoch():
    trainer = make_trainer(epochs=2, dropout=0.2)
    for number in (1, 2):
        steps = trainer.steps_in_epoch(number - 1)
        figures = list(trainer.train_epoch())
        losses, norms = ([f[name] for f in figures] for name in ("loss", "gradient_norm"))
        assert len(losses) == steps
        row = trainer.progress.history[-1]
        assert row["epoch"] == number
        assert row["gradient_norm"] == pytest.approx(np.mean(norms))
        assert row["gradient_norm_max"] == max(norms)
        assert row["tokens"] == steps * 15
        assert row["train_loss"] == pytest.approx(np.mean(losses))
        assert row["train_perplexity"] == pytest.approx(math.exp(np.mean(losses)))
        assert row["train_bits_per_token"] == pytest.approx(np.mean(losses) / math.log(2))
        logits = trainer.model(np.r_[IDS[124], IDS[125:-1]][None].astype("int32"))
        validation = float(cross_entropy(logits, IDS[None, 125:].astype("int32")))
        assert row["validation_loss"] == pytest.approx(validation, rel=1e-5)
        assert row["validation_perplexity"] == pytest.approx(math.exp(validation), rel=1e-5)
        assert row["validation_bits_per_token"] == pytest.approx(validation / math.log(2))
        assert row["seconds"] >= 0
    assert trainer.finished
    assert trainer.progress.step == sum(r["tokens"] for r in trainer.progress.history) // 15


def test_without_validation_and_without_decay():
    trainer = make_trainer(IDS, IDS[:0], optimizer="sgd", epochs=1, patience=1)
    list(trainer.train_epoch())
    assert float(trainer.optimizer.learning_rate) == 1.0
    assert trainer.progress.history[0]["learning_rate"] == 1.0
    assert trainer.finished
    assert not trainer.progress.stopped_early
    assert not any(key.startswith("validation") for key in trainer.progress.history[0])
    before = trainer.model.get_weights()
    trainer.use_best_weights()
    assert_weights(trainer.model, before, rtol=0)


def test_too_little_text():
    with pytest.raises(InputError, match=r"needs at least 16 tokens\. Received: 15 tokens"):
        make_trainer(IDS[:15])
    assert make_trainer(IDS[:16]).steps_in_epoch(0) == 1


def test_dropout_acts_in_a_step():
    trainer = make_trainer(dropout=0.5, optimizer="sgd")
    spread(trainer.model)
    inputs, targets = next(iter(sequential_windows(IDS[:125], 3, 5)))
    without, _, _ = loss_and_gradients(trainer.model, inputs, targets)
    assert abs(next(trainer.train_epoch())["loss"] - without) > 1e-3


def no_optimizer(learning_rate):
    return None


def broken_optimizer(learning_rate):
    raise KeyError("momentum")


@pytest.mark.parametrize(
    ("optimizer", "found"),
    [
        (no_optimizer, "gives None"),
        (broken_optimizer, "raises KeyError: 'momentum'"),
        ("collections:Counter", "raises TypeError: 'float' object is not iterable"),
        ("json:dumps", "gives '0.5'"),
    ],
)
def test_what_makes_no_optimizer(optimizer, found):
    with pytest.raises(InputError, match="`optimizer` must be a class or function") as caught:
        make_trainer(optimizer=optimizer, learning_rate=0.5, learning_rate_decay=1.0)
    assert str(caught.value).endswith(f"which {found}.")
    assert (caught.value.__cause__ is None) == found.startswith("gives")
