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


class Kill(BaseException):
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
            raise Kill


def functional_model(layer="tfseq", num_steps=5, policy="float32") -> keras.Model:
    """With a layer of tfseq, or one of Keras that draws random numbers in each step."""
    cell = tfseq.GRUCell(6, dtype=policy)
    carried = {"return_sequences": True, "stateful": True, "dtype": policy}
    recurrent = {
        "tfseq": lambda: tfseq.RNN(cell, **carried),
        "keras": lambda: keras.layers.LSTM(6, dropout=0.2, recurrent_dropout=0.2, **carried),
    }
    ids = keras.Input(batch_shape=(2, num_steps), dtype="int32")
    hidden = keras.layers.Embedding(VOCABULARY_SIZE, 8, dtype=policy)(ids)
    hidden = recurrent[layer]()(keras.layers.Dropout(0.2, dtype=policy)(hidden))
    return keras.Model(ids, keras.layers.Dense(VOCABULARY_SIZE, dtype=policy)(hidden))


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
    num_steps=5,
    initial_epoch=0,
    policy="float32",
    **compiled,
) -> dict:
    """What the script of a foreign project does; returns all that its `fit` ends with."""
    model = functional_model(layer, num_steps, policy)
    model.compile(optimizer(), cross_entropy(), metrics=["accuracy"], **compiled)
    windows = Windows(IDS, 2, num_steps, order="sequential", seed=1)
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
        initial_epoch=initial_epoch,
        callbacks=all_callbacks,
        verbose=0,
    )
    variables = model.variables + model.optimizer.variables
    return {
        "bits": [keras.ops.convert_to_numpy(v).tobytes() for v in variables],
        "epochs": history.epoch,
        "history": history.history,
        "memories": [
            {n: v for n, v in vars(c).items() if isinstance(v, int | float)} for c in others
        ],
    }


def killed_and_resumed(directory, num_calls: int, **options) -> dict:
    """How a `fit` ends that is killed and started again."""
    keras.utils.set_random_seed(SEED)
    with pytest.raises(Kill):
        fit(directory, kill=KillAfter(num_calls), **options)
    # A new process draws other weights and masks, all of no account.
    keras.utils.set_random_seed(SEED + 1)
    return fit(directory, **options)


def never_killed(directory, **options) -> dict:
    """How a `fit` ends that begins with the same weights."""
    keras.utils.set_random_seed(SEED)
    return fit(directory, **options)
