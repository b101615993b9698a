"""Runs taken up again at every step go on to the same bits."""

import pytest

from tfseq.files.checkpoint import load_latest_checkpoint, save_checkpoint

from .small_trainer import (
    IDS,
    assert_weights,
    bits_of,
    make_trainer,
    script_validation,
    train_and_keep_every_step,
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "sampling", "num_layers", "more"),
    [
        ("rnn", "sequential", 1, {}),
        ("gru", "sequential", 1, {}),
        ("lstm", "sequential", 2, {}),
        ("gru", "random", 2, {}),
        ("gru", "sequential", 2, {"residual": True, "feed_forward": 1.5}),
        ("lstm", "sequential", 1, {"units": (4, 3), "skip_connections": "both"}),
        ("rg_lru", "sequential", 2, {}),
        ("layer_norm_lstm", "random", 1, {}),
    ],
)
def test_taken_up_at_every_step(cell, sampling, num_layers, more, tmp_path):
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
        **more,
    }
    whole = make_trainer(**options)
    directories = train_and_keep_every_step(whole, tmp_path)
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
