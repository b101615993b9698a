"""Windows of varied length and states that are reset, followed step by step."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.data import varied_windows, window_lengths
from tfseq.errors import InputError
from tfseq.files.checkpoint import load_latest_checkpoint
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.language_model.windows import training_windows

from ..small_trainer import (
    V,
    assert_weights,
    bits_of,
    clipped,
    loss_and_gradients,
    make_trainer,
    spread,
    train_and_keep_every_step,
)

TEXT = np.random.default_rng(3).integers(0, V, 1200).astype("uint16")
VARIED = {"batch_size": 32, "num_steps": 4, "window_lengths": "varied", "state_reset": 0.4}


def options_of(**given):
    return LanguageModelOptions(**{**VARIED, **given}).with_defaults_filled()


def kept_of(options, epoch, start_batch=0, ids=TEXT):
    return np.array([k for _, _, k in training_windows(options, ids, epoch, start_batch)])


def test_resets_are_drawn_for_each_epoch_batch_and_row():
    kept = kept_of(options_of(), epoch=1)
    np.testing.assert_array_equal(kept_of(options_of(), 1, start_batch=3), kept[3:])
    assert abs(kept.mean() - 0.6) < 0.1
    assert len({row.tobytes() for row in kept}) == len(kept)
    for other in (kept_of(options_of(), epoch=2), kept_of(options_of(seed=1), epoch=1)):
        size = min(len(other), len(kept))
        assert abs((other[:size] == kept[:size]).mean() - 0.52) < 0.15


def test_resets_are_for_sequential_windows():
    with pytest.raises(InputError, match=r"^`state_reset` needs `sampling` sequential: .* 0\.4"):
        options_of(sampling="random")
    assert options_of(sampling="random", state_reset=0.0).window_lengths == "varied"


@pytest.mark.slow
def test_steps_of_varied_length():
    """The state goes on, or begins from zero; the learning rate goes with the length."""
    options = {**VARIED, "optimizer": "sgd", "learning_rate": 0.5, "num_steps": 2, "cell": "rnn"}
    train = TEXT[:600]
    trainer, twin = (make_trainer(train, train[:0], **options) for _ in range(2))
    twin = twin.model
    spread(trainer.model)
    twin.set_weights(trainer.model.get_weights())
    states, lengths = twin.initial_states(32), set()
    windows = varied_windows(train, 32, 2, "sequential", seed=0, epoch=0)
    kept = kept_of(trainer.options, epoch=0, ids=train)
    for (inputs, targets), keep, figures in zip(windows, kept, trainer.train_epoch(), strict=True):
        states = tf.nest.map_structure(lambda s, k=keep: s * k[:, None], states)
        loss, gradients, states = loss_and_gradients(twin, inputs, targets, states)
        norm, gradients = clipped(gradients, 1.0)
        rate = 0.5 * inputs.shape[1] / 2
        assert figures["loss"] == pytest.approx(loss, rel=1e-4)
        assert figures["gradient_norm"] == pytest.approx(norm, rel=1e-3)
        expected = [w - rate * g for w, g in zip(twin.get_weights(), gradients, strict=True)]
        assert_weights(trainer.model, expected, rtol=1e-3)
        twin.set_weights(trainer.model.get_weights())
        states = trainer.states
        lengths.add(inputs.shape[1])
    assert lengths == {*window_lengths(2)} == {1, 2, 3}
    assert trainer.step_kind == "compiled in halves"
    assert float(trainer.optimizer.learning_rate) == 0.5
    row = trainer.progress.history[0]
    assert row["tokens"] == 32 * sum(inputs.shape[1] for inputs, _ in windows)


ALL = {
    **VARIED,
    "schedule": "cosine",
    "warmup": 0.5,
    "accumulate": 2,
    "averaging": "two_tailed",
    "optimizer": "nadam",
    "weight_decay": 0.1,
    "decay_biases": False,
    "dropout": 0.3,
    "epochs": 2,
    "units": 6,
    "num_steps": 2,
}


@pytest.mark.slow
def test_all_at_once_taken_up_at_any_step(tmp_path):
    train, validation = TEXT[:300], TEXT[300:400]
    whole = make_trainer(train, validation, cell="gru", embedding_size=4, **ALL)
    places = train_and_keep_every_step(whole, tmp_path)
    assert whole.step_kind == "compiled in halves"
    assert len({row["validation_loss"] for row in whole.progress.history}) == 2
    expected = bits_of(whole.checkpoint())
    other = make_trainer(train, validation, cell="gru", embedding_size=4, weights_seed=9, **ALL)
    next(other.train_epoch())
    for place in places[::3]:
        other.restore(load_latest_checkpoint(place)[0])
        while not other.finished:
            list(other.train_epoch())
        assert bits_of(other.checkpoint()) == expected
