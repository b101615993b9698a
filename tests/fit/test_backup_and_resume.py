"""A `fit` that is killed and started again ends with the bits of one that is not."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from fits import (
    IDS,
    NUM_BATCHES,
    SEED,
    Kill,
    KillAfter,
    adamw,
    fit,
    killed_and_resumed,
    never_killed,
)

from tfseq.errors import InputError
from tfseq.files.checkpoint import list_checkpoints
from tfseq.fit import BackupAndResume, Windows


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return never_killed(tmp_path_factory.mktemp("whole"))


@pytest.mark.everyday(1)
@pytest.mark.parametrize("num_calls", range(1, 3 * NUM_BATCHES + 1))
def test_killed_after_any_batch(num_calls, whole, tmp_path):
    assert killed_and_resumed(tmp_path, num_calls) == whole


@pytest.mark.slow
def test_killed_by_sigkill_in_a_process_of_its_own(tmp_path):
    program = f"""
import json, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import keras
from fits import KillAfter, fit
directory, seed, num_calls = sys.argv[1], *map(int, sys.argv[2:])
keras.utils.set_random_seed(seed)
ends = fit(directory, kill=KillAfter(num_calls, by_signal=True))
print(json.dumps({{**ends, "bits": [bits.hex() for bits in ends["bits"]]}}))
"""

    def run(*arguments):
        command = [sys.executable, "-c", program, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    killed, whole = tmp_path / "killed", tmp_path / "whole"
    assert run(killed, SEED, NUM_BATCHES + 4).returncode == -signal.SIGKILL
    resumed = json.loads(run(killed, SEED + 1, 1000).stdout)
    assert resumed == json.loads(run(whole, SEED, 1000).stdout)


def early_stopping():
    """Takes the first epoch for the best one."""
    return [
        keras.callbacks.EarlyStopping("loss", mode="max", patience=2, restore_best_weights=True)
    ]


def rate_schedules():
    return [
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.7),
        keras.callbacks.ReduceLROnPlateau("loss", mode="max", factor=0.5, patience=1),
    ]


SETTINGS = {
    "random numbers in each step, and validation": {"layer": "keras", "validation": True},
    "backups of whole epochs": {"save_freq": "epoch"},
    "two steps at once": {"steps_per_execution": 2},
    "four steps at once, and two at the end": {"steps_per_execution": 4, "save_freq": 4},
    "compiled": {"jit_compile": True},
    "bfloat16": {"policy": "mixed_bfloat16"},
    "loss scale": {"optimizer": lambda: keras.optimizers.LossScaleOptimizer(adamw())},
    "moving average": {"optimizer": lambda: adamw(use_ema=True)},
    "early stopping": {"callbacks": early_stopping, "epochs": 5},
    "learning rate": {"callbacks": rate_schedules, "optimizer": keras.optimizers.Adam},
}


@pytest.mark.slow
@pytest.mark.parametrize("backup_first", [False, True])
@pytest.mark.parametrize("setting", SETTINGS)
def test_killed_with_other_settings(setting, backup_first, tmp_path):
    options = {**SETTINGS[setting], "backup_first": backup_first}
    num_calls = 10 // options.get("steps_per_execution", 1)
    resumed = killed_and_resumed(tmp_path / "killed", num_calls, **options)
    assert resumed == never_killed(tmp_path / "whole", **options)


class CountSteps(keras.callbacks.Callback):
    """The optimizer's steps and the batches' numbers, as they are while `fit` runs."""

    def on_train_begin(self, logs=None):
        self.batches = []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append((batch, int(self.model.optimizer.iterations)))


@pytest.mark.slow
def test_batches_done_are_counted_and_not_trained_on_again(tmp_path):
    count = CountSteps()
    killed_and_resumed(tmp_path, NUM_BATCHES + 4, epochs=2, callbacks=lambda: [count])
    done = NUM_BATCHES + 2  # The last backup was taken before batch 2: 0, 2, then the kill in 3.
    skipped = [(0, done + 0), (1, done)]
    trained = [(batch, NUM_BATCHES + batch + 1) for batch in range(2, NUM_BATCHES)]
    assert count.batches == skipped + trained


@pytest.mark.slow
def test_a_fit_that_has_ended_trains_nothing_but_further_epochs(whole, tmp_path):
    two = never_killed(tmp_path, epochs=2)
    count = CountSteps()
    assert fit(tmp_path, epochs=2, kill=count) == two
    assert count.batches == []
    assert fit(tmp_path, epochs=3, kill=count) == whole
    assert len(count.batches) == NUM_BATCHES


@pytest.mark.slow
def test_a_fit_that_stopped_early_stays_stopped(tmp_path):
    stopped = never_killed(tmp_path, callbacks=early_stopping, epochs=9)
    assert stopped["epochs"] == [0, 1, 2]
    assert fit(tmp_path, callbacks=early_stopping, epochs=9) == stopped


class StopWithin(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = batch == 3


@pytest.mark.slow
def test_a_fit_that_was_stopped_within_an_epoch_goes_on_there(whole, tmp_path):
    assert never_killed(tmp_path, kill=StopWithin())["epochs"] == [0]
    assert fit(tmp_path) == whole


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.slow
def test_where_the_newest_backup_is_damaged_the_one_before_is_used(whole, tmp_path):
    with pytest.raises(Kill):
        never_killed(tmp_path, kill=KillAfter(NUM_BATCHES + 4))
    older, newest = list_checkpoints(tmp_path)
    damage(newest)
    with pytest.warns(UserWarning, match=f"{newest.name} is damaged; an older backup is used"):
        assert fit(tmp_path) == whole
    assert older not in list_checkpoints(tmp_path)


@pytest.fixture(scope="module")
def backups(tmp_path_factory):
    directory = tmp_path_factory.mktemp("backups")
    never_killed(directory, epochs=1, save_freq="epoch")
    return directory


def test_where_all_backups_are_damaged_fit_does_not_begin_anew(backups, tmp_path):
    shutil.copytree(backups, tmp_path, dirs_exist_ok=True)
    for path in list_checkpoints(tmp_path):
        damage(path)
    with pytest.raises(InputError, match=r"holds damaged backups only\. Delete it"):
        fit(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "keras"}, r"shapes of the model \[.*\] there, \[.*\] here"),
        ({"optimizer": keras.optimizers.SGD}, "shapes of the optimizer"),
        ({"num_steps": 4}, "number of batches 6 there, 8 here"),
        ({"steps_per_execution": 3}, "`steps_per_execution` 1 there, 3 here"),
        ({"callbacks": early_stopping}, r"`callbacks` \[\] there, \['EarlyStopping'\] here"),
    ],
    ids=["model", "optimizer", "data", "steps_per_execution", "callbacks"],
)
def test_backups_of_another_fit_are_refused(options, message, backups):
    with pytest.raises(InputError, match=f"holds backups of another model or `fit`: .*{message}"):
        fit(backups, **options)


@pytest.mark.slow
def test_another_initial_epoch_than_the_backups_is_refused(tmp_path):
    with pytest.raises(Kill):
        never_killed(tmp_path, kill=KillAfter(1))
    with pytest.raises(ValueError, match=r"`initial_epoch` must be left out: .* is of epoch 0"):
        fit(tmp_path, initial_epoch=2)


def test_wrong_arguments(tmp_path):
    for save_freq in (0, -1, "batch", 1.5):
        with pytest.raises(ValueError, match="`save_freq` must be 'epoch' or a positive"):
            BackupAndResume(tmp_path, save_freq=save_freq)


def test_a_model_not_built_is_refused(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="needs a built model"):
        model.fit(np.ones([2, 2]), np.ones([2]), callbacks=[BackupAndResume(tmp_path)], verbose=0)


class NoteEpochs(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)


@pytest.mark.slow
def test_the_model_can_be_fitted_again_from_epoch_0(backups, tmp_path):
    """Keras keeps the epoch to begin at on the model; it is not left there."""
    shutil.copytree(backups, tmp_path, dirs_exist_ok=True)
    later = NoteEpochs()
    fit(tmp_path, epochs=2, kill=later)
    assert later.epochs == [1]
    history = later.model.fit(
        Windows(IDS, 2, 5).dataset, shuffle=False, epochs=1, callbacks=[later], verbose=0
    )
    assert history.epoch == [0]


def test_the_model_of_a_project_that_draws_its_data_by_epoch(tmp_path):
    """`windows` may be any object with an `epoch`."""
    data = SimpleNamespace(epoch=None)
    seen = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: seen.append(data.epoch)
    )
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    backup = BackupAndResume(tmp_path, data)
    model.fit(np.ones([2, 2]), np.ones([2]), epochs=3, callbacks=[backup, note], verbose=0)
    assert seen == [0, 1, 2]
