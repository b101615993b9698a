"""Training steps computed a second time by hand, and runs taken up again at every step."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.data import random_windows, sequential_windows
from tfseq.errors import InputError
from tfseq.models import LanguageModel
from tfseq.training.checkpoint import load_latest_checkpoint, save_checkpoint
from tfseq.training.evaluation import Evaluation
from tfseq.training.options import TrainingOptions
from tfseq.training.trainer import DivergenceError, Trainer

V = 9
IDS = np.random.default_rng(1).choice(V, 150, p=np.arange(1, V + 1) / 45).astype("uint8")


def make_trainer(
    train=IDS[:125], validation=IDS[125:], *, weights_seed=0, model_options=None, **options
):
    """A small trainer: 125 tokens in batches of 3 x 5 are 8 steps an epoch."""
    small = {"batch_size": 3, "num_steps": 5, "units": 4, "dropout": 0.0, "embedding_size": 0}
    options = TrainingOptions(**{**small, **options})
    options = options.with_defaults_filled()
    keras.utils.set_random_seed(weights_seed)
    model = LanguageModel(
        V,
        cell=options.cell,
        units=options.units,
        num_layers=options.num_layers,
        dropout=options.dropout,
        embedding_size=options.embedding_size or None,
        tie_embeddings=options.tie_embeddings,
        **(model_options or {}),
    )
    return Trainer(model, options, train, validation)


def cross_entropy(logits, targets):
    """−mean log softmax, written out."""
    logits = logits - tf.reduce_max(logits, axis=-1, keepdims=True)
    log_z = tf.math.log(tf.reduce_sum(tf.exp(logits), axis=-1))
    return tf.reduce_mean(log_z - tf.gather(logits, targets, batch_dims=2))


def loss_and_gradients(model, inputs, targets, states=None):
    with tf.GradientTape() as tape:
        logits, after = model(inputs, states=states, return_states=True, training=False)
        loss = cross_entropy(logits, targets)
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    gradients = [np.asarray(tf.convert_to_tensor(g), "float64") for g in gradients]
    return float(loss), gradients, after


def clipped(gradients, clip_norm):
    norm = math.sqrt(sum((g**2).sum() for g in gradients))
    scale = 1.0 if clip_norm is None else min(1.0, clip_norm / norm)
    return norm, [g * scale for g in gradients]


def assert_weights(model, expected, rtol=1e-5):
    for weight, value in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(weight, value, rtol=rtol, atol=1e-6 if rtol else 0)


def spread(model):
    """Larger weights, so that no gradient is small by chance."""
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(scale=0.8, size=w.shape) for w in model.get_weights()])


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
    assert figures["perplexity"] == pytest.approx(math.exp(loss), rel=1e-5)
    assert figures["gradient_norm"] == pytest.approx(norm, rel=1e-4)
    assert_weights(model, [w - 0.7 * g for w, g in zip(before, gradients, strict=True)])


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_a_step_of_adam(optimizer):
    """The first step of Adam: m̂ = g, v̂ = g², so θ ← θ − η g / (|g| + ε), for AdamW less η λ θ.

    Keras adds its 1e-7 to √v, before the correction of v: ε = 1e-7 / √(1 − β₂).
    """
    ε = 1e-7 / math.sqrt(1 - 0.999)
    trainer = make_trainer(
        optimizer=optimizer, learning_rate=0.01, weight_decay=0.3, clip_norm=None, embedding_size=3
    )
    model = trainer.model
    spread(model)
    before = model.get_weights()
    inputs, targets = next(iter(sequential_windows(IDS[:125], 3, 5)))
    _, gradients, _ = loss_and_gradients(model, inputs, targets)
    next(trainer.train_epoch())
    decay = 0.01 * 0.3 if optimizer == "adamw" else 0.0
    for weight, old, g in zip(model.get_weights(), before, gradients, strict=True):
        clear = np.abs(g) > 1e-3  # The sign of smaller ones is a matter of rounding.
        expected = old * (1 - decay) - 0.01 * g / (np.abs(g) + ε)
        assert clear.mean() > 0.5
        np.testing.assert_allclose(weight[clear], expected[clear], atol=2e-5)
        np.testing.assert_allclose(weight[g == 0], old[g == 0] * (1 - decay), atol=1e-6)


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


def test_random_windows_start_from_zero():
    trainer = make_trainer(optimizer="sgd", learning_rate=0.5, sampling="random", seed=4)
    spread(trainer.model)
    windows = random_windows(IDS[:125], 3, 5, seed=4, epoch=0)
    epoch = trainer.train_epoch()
    for inputs, targets in windows:
        loss, _, _ = loss_and_gradients(trainer.model, inputs, targets)
        assert next(epoch)["loss"] == pytest.approx(loss, rel=1e-5)
    assert next(epoch, None) is None


def test_learning_rate_falls_a_little_at_each_step():
    trainer = make_trainer(
        optimizer="sgd", learning_rate=0.4, learning_rate_decay=0.5, epochs=2, sampling="random"
    )
    model = trainer.model
    steps, inside = 8, []
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
        inside.append(rate)
    list(epoch)
    row = trainer.progress.history[0]
    assert row["learning_rate"] == pytest.approx(0.4 * 0.5 ** (len(windows) / steps), rel=1e-5)


def test_no_decay_is_a_constant_rate():
    trainer = make_trainer(optimizer="sgd", epochs=2)
    list(trainer.train_epoch())
    assert float(trainer.optimizer.learning_rate) == 1.0
    assert trainer.progress.history[0]["learning_rate"] == 1.0


def test_figures_of_an_epoch():
    trainer = make_trainer(epochs=2, dropout=0.2)
    for number in (1, 2):
        steps = trainer.steps_in_epoch(number - 1)
        losses = [figures["loss"] for figures in trainer.train_epoch()]
        assert len(losses) == steps
        row = trainer.progress.history[-1]
        assert row["epoch"] == number
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


def test_without_validation():
    trainer = make_trainer(IDS, IDS[:0], epochs=1, patience=1)
    list(trainer.train_epoch())
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


def script_validation(trainer, losses):
    """Let validation give these losses, one an epoch, and note the weights it was asked for."""
    seen = []
    losses = iter(losses)

    def evaluate(ids, context):
        assert context == IDS[124]
        seen.append(trainer.model.get_weights())
        return Evaluation(next(losses), len(ids))

    trainer._evaluate = evaluate
    return seen


def test_early_stopping_and_the_best_weights():
    trainer = make_trainer(epochs=99, patience=3)
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


def test_patience_zero_never_stops():
    trainer = make_trainer(epochs=6, patience=0)
    script_validation(trainer, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    while not trainer.finished:
        list(trainer.train_epoch())
    assert (trainer.progress.epoch, trainer.progress.best_epoch) == (6, 1)
    assert not trainer.progress.stopped_early


def test_divergence_names_the_step_and_spoils_no_checkpoint():
    trainer = make_trainer()
    epoch = trainer.train_epoch()
    next(epoch)
    good = trainer.checkpoint()
    trainer.model.output_kernel.assign(np.full([4, V], 3e38))
    message = r"at step 2 \(epoch 1\): loss .*, gradient norm (nan|inf)\. Lower `--learning-rate`"
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


def test_a_gradient_that_is_not_finite_stops_too():
    trainer = make_trainer()
    states = [np.full([3, 4], np.nan, "float32")]
    trainer.states = [tf.constant(s) for s in states]
    with pytest.raises(DivergenceError, match=r"at step 1 \(epoch 1\): loss nan, gradient norm"):
        next(trainer.train_epoch())


def test_validation_that_is_not_a_number_stops():
    trainer = make_trainer()
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


def bits_of(checkpoint):
    """Everything in a checkpoint but the clock."""
    metadata = {k: v for k, v in checkpoint.metadata.items() if k != "seconds"}
    metadata["history"] = [
        {k: v for k, v in row.items() if k != "seconds"} for row in metadata["history"]
    ]
    arrays = {k: (v.dtype, v.shape, v.tobytes()) for k, v in checkpoint.arrays.items()}
    return checkpoint.step, metadata, arrays


@pytest.mark.parametrize(
    ("cell", "sampling", "num_layers"),
    [
        ("rnn", "sequential", 1),
        ("gru", "sequential", 1),
        ("lstm", "sequential", 2),
        ("gru", "random", 2),
    ],
)
def test_taken_up_at_every_step(cell, sampling, num_layers, tmp_path):
    """From each of its checkpoints, read back from disk, a run goes on to the same bits."""
    options = {
        "cell": cell,
        "sampling": sampling,
        "num_layers": num_layers,
        "dropout": 0.3,
        "optimizer": "adamw",
        "learning_rate": 0.05,
        "learning_rate_decay": 0.7,
        "patience": 1,
        "epochs": 2,
        "train": IDS[:49],
        "validation": IDS[49:70],
    }
    whole = make_trainer(**options)
    counter = itertools.count()
    directories = []

    def note():
        directories.append(tmp_path / str(next(counter)))
        save_checkpoint(directories[-1], whole.checkpoint())

    note()
    while not whole.finished:
        for _ in whole.train_epoch():
            note()
        note()  # After the epoch is closed: the same step, another place.
    expected = bits_of(whole.checkpoint())
    whole.use_best_weights()
    best = whole.model.get_weights()

    # Another process: other weights, other seeds, steps taken that must leave no trace.
    other = make_trainer(**options, weights_seed=99)
    next(other.train_epoch())
    for directory in directories:
        checkpoint, damaged = load_latest_checkpoint(directory)
        assert not damaged
        other.restore(checkpoint)
        assert bits_of(other.checkpoint()) == bits_of(checkpoint)
        while not other.finished:
            list(other.train_epoch())
        assert bits_of(other.checkpoint()) == expected
    other.use_best_weights()
    assert_weights(other.model, best, rtol=0)


def test_the_best_weights_are_in_the_checkpoint(tmp_path):
    first = make_trainer(epochs=2)
    seen = script_validation(first, [1.0, 2.0])
    while not first.finished:
        list(first.train_epoch())
    save_checkpoint(tmp_path, first.checkpoint())
    second = make_trainer(epochs=2, weights_seed=5)
    second.restore(load_latest_checkpoint(tmp_path)[0])
    assert_weights(second.model, seen[1], rtol=0)
    second.use_best_weights()
    assert_weights(second.model, seen[0], rtol=0)


def test_dropout_acts_in_a_step():
    trainer = make_trainer(dropout=0.5, optimizer="sgd")
    spread(trainer.model)
    inputs, targets = next(iter(sequential_windows(IDS[:125], 3, 5)))
    without, _, _ = loss_and_gradients(trainer.model, inputs, targets)
    assert abs(next(trainer.train_epoch())["loss"] - without) > 1e-3


def test_epochs_may_grow():
    longer = make_trainer(epochs=3, patience=0, dropout=0.3)
    while not longer.finished:
        list(longer.train_epoch())
    first = make_trainer(epochs=1, patience=0, dropout=0.3)
    list(first.train_epoch())
    assert first.finished
    second = make_trainer(epochs=3, patience=0, dropout=0.3, weights_seed=5)
    second.restore(first.checkpoint())
    assert not second.finished
    while not second.finished:
        list(second.train_epoch())
    assert bits_of(second.checkpoint()) == bits_of(longer.checkpoint())


def test_mixed_bfloat16(tmp_path):
    options = {"model_options": {"dtype": "mixed_bfloat16"}, "epochs": 1}
    whole = make_trainer(**options)
    epoch = whole.train_epoch()
    next(epoch)
    save_checkpoint(tmp_path, whole.checkpoint())
    list(epoch)
    other = make_trainer(**options, weights_seed=5)
    other.restore(load_latest_checkpoint(tmp_path)[0])
    list(other.train_epoch())
    assert bits_of(other.checkpoint()) == bits_of(whole.checkpoint())
