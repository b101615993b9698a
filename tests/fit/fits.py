"""Small models and `fit`s of a foreign Keras project, and what they end with."""

import os
import signal

import keras
import numpy as np
import pytest

import tfseq
from tfseq.fit import BackupAndResume, ResetStates, Windows

VOCABULARY_SIZE = 20
#: So many that epochs of `Windows(IDS, 2, 5)` have one batch more at some offsets than at others.
IDS = np.random.default_rng(0).integers(0, VOCABULARY_SIZE, 73).astype("int32")
NUM_BATCHES = 6
SEED = 3


class Killed(Exception):
    """As good as a signal: nothing of Keras runs after it."""


class KillAfter(keras.callbacks.Callback):
    """Ends `fit`, or by SIGKILL the whole process, after some calls of Keras' train function."""

    def __init__(self, num_calls: int, by_signal: bool = False):
        super().__init__()
        self.calls_left = num_calls
        self.by_signal = by_signal

    def on_train_batch_end(self, batch, logs=None):
        self.calls_left -= 1
        if self.calls_left == 0:
            if self.by_signal:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Killed


def recurrent(layer: str):
    """Layers of tfseq and of Keras, the last one with random numbers in each step."""
    if layer == "tfseq":
        return tfseq.RNN(tfseq.GRUCell(6), return_sequences=True, stateful=True)
    return keras.layers.LSTM(
        6, return_sequences=True, stateful=True, dropout=0.2, recurrent_dropout=0.2
    )


def functional_model(layer: str = "tfseq") -> keras.Model:
    ids = keras.Input(batch_shape=(2, 5), dtype="int32")
    hidden = keras.layers.Dropout(0.2)(keras.layers.Embedding(VOCABULARY_SIZE, 8)(ids))
    return keras.Model(ids, keras.layers.Dense(VOCABULARY_SIZE)(recurrent(layer)(hidden)))


def cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def adamw(**options):
    rate = keras.optimizers.schedules.ExponentialDecay(1e-2, 5, 0.9)
    return keras.optimizers.AdamW(rate, global_clipnorm=1.0, **options)


def fit(
    directory,
    layer="tfseq",
    optimizer=adamw,
    save_freq=2,
    epochs=3,
    kill=None,
    callbacks=None,
    backup_first=False,
    validation=False,
    **compiled,
) -> dict:
    """What the script of a foreign project does; returns all that its `fit` ends with."""
    model = functional_model(layer)
    model.compile(optimizer(), cross_entropy(), metrics=["accuracy"], **compiled)
    windows = Windows(IDS, 2, 5, order="sequential", seed=1)
    others = callbacks() if callbacks else []
    backup = BackupAndResume(directory, windows, save_freq, callbacks=others)
    all_callbacks = [ResetStates(), *others]
    all_callbacks.insert(0 if backup_first else len(all_callbacks), backup)
    if kill:
        all_callbacks.append(kill)
    held_out = Windows(IDS[:41], 2, 5, order="sequential", offset=0)
    history = model.fit(
        windows.dataset,
        validation_data=held_out.dataset if validation else None,
        shuffle=False,
        epochs=epochs,
        callbacks=all_callbacks,
        verbose=0,
    )
    variables = model.variables + model.optimizer.variables + model.metrics_variables
    return {
        "bits": [np.asarray(keras.ops.convert_to_numpy(v)).tobytes() for v in variables],
        "epochs": history.epoch,
        "history": history.history,
        "memories": [
            {n: v for n, v in vars(c).items() if isinstance(v, int | float)} for c in others
        ],
    }


def killed_and_resumed(directory, num_calls: int, **options) -> dict:
    """How a `fit` ends that is killed and started again."""
    keras.utils.set_random_seed(SEED)
    with pytest.raises(Killed):
        fit(directory, kill=KillAfter(num_calls), **options)
    # A new process draws other weights and masks, all of no account.
    keras.utils.set_random_seed(SEED + 1)
    return fit(directory, **options)


def never_killed(directory, **options) -> dict:
    """How a `fit` ends that begins with the same weights."""
    keras.utils.set_random_seed(SEED)
    return fit(directory, **options)
