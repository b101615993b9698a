"""A `fit` that is killed and started again ends with the bits of one that is not."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from fits import NUM_BATCHES, SEED, adamw, fit, killed_and_resumed, never_killed

from tfseq.files.checkpoint import list_checkpoints


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return never_killed(tmp_path_factory.mktemp("whole"))


@pytest.mark.everyday(3)
@pytest.mark.parametrize("num_calls", range(1, 3 * NUM_BATCHES + 1))
def test_killed_after_any_batch(num_calls, whole, tmp_path):
    assert killed_and_resumed(tmp_path, num_calls) == whole


def test_killed_by_sigkill_in_a_process_of_its_own(whole, tmp_path):
    program = f"""
import json, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import keras
from fits import KillAfter, fit
seed, num_calls = map(int, sys.argv[1:])
keras.utils.set_random_seed(seed)
ends = fit({str(tmp_path)!r}, kill=KillAfter(num_calls, by_signal=True))
print(json.dumps({{**ends, "bits": [bits.hex() for bits in ends["bits"]]}}))
"""

    def run(*arguments):
        command = [sys.executable, "-c", program, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    assert run(SEED, NUM_BATCHES + 4).returncode == -signal.SIGKILL
    resumed = json.loads(run(SEED + 1, 1000).stdout)
    assert resumed == {**whole, "bits": [bits.hex() for bits in whole["bits"]]}


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


@pytest.mark.everyday(3)
@pytest.mark.parametrize("backup_first", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"layer": "keras", "validation": True},
        {"save_freq": "epoch"},
        {"steps_per_execution": 2},
        {"steps_per_execution": 4, "save_freq": 4},
        {"jit_compile": True},
        {"optimizer": lambda: keras.optimizers.LossScaleOptimizer(adamw())},
        {"optimizer": lambda: adamw(use_ema=True)},
        {"callbacks": early_stopping, "epochs": 5},
        {"callbacks": rate_schedules, "optimizer": keras.optimizers.Adam},
    ],
    ids=str,
)
def test_killed_with_other_settings(options, backup_first, tmp_path):
    options = {**options, "backup_first": backup_first}
    num_calls = 10 // options.get("steps_per_execution", 1)
    resumed = killed_and_resumed(tmp_path / "killed", num_calls, **options)
    assert resumed == never_killed(tmp_path / "whole", **options)


def test_mixed_precision(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert killed_and_resumed(tmp_path / "killed", 10) == never_killed(tmp_path / "whole")
    finally:
        keras.config.set_dtype_policy("float32")


class CountSteps(keras.callbacks.Callback):
    """The optimizer's steps and the batches' numbers, as they are while `fit` runs."""

    def on_train_begin(self, logs=None):
        self.batches = []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append((batch, int(self.model.optimizer.iterations)))


def test_batches_done_are_counted_and_not_trained_on_again(tmp_path):
    count = CountSteps()
    killed_and_resumed(tmp_path, NUM_BATCHES + 4, epochs=2, callbacks=lambda: [count])
    done = NUM_BATCHES + 2  # The last backup was taken before batch 2: 0, 2, then the kill in 3.
    skipped = [(0, done + 0), (1, done)]
    trained = [(batch, NUM_BATCHES + batch + 1) for batch in range(2, NUM_BATCHES)]
    assert count.batches == skipped + trained


def test_a_fit_that_has_ended_trains_nothing_but_further_epochs(whole, tmp_path):
    two = never_killed(tmp_path, epochs=2)
    count = CountSteps()
    assert fit(tmp_path, epochs=2, callbacks=None, kill=count) == two
    assert count.batches == []
    assert fit(tmp_path, epochs=3, kill=count) == whole
    assert len(count.batches) == NUM_BATCHES


def test_a_fit_that_stopped_early_stays_stopped(tmp_path):
    stopped = never_killed(tmp_path, callbacks=early_stopping, epochs=9)
    assert stopped["epochs"] == [0, 1, 2]
    assert fit(tmp_path, callbacks=early_stopping, epochs=9) == stopped


class StopWithin(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = batch == 3


def test_a_fit_that_was_stopped_within_an_epoch_goes_on_there(whole, tmp_path):
    assert never_killed(tmp_path, kill=StopWithin())["epochs"] == [0]
    assert fit(tmp_path) == whole


def test_a_damaged_backup_is_passed_over(whole, tmp_path):
    with pytest.warns(UserWarning, match=r"step-\d+\.npz is damaged; an older backup is used"):
        damaged_and_resumed = damage_and_resume(tmp_path, newest=1)
    assert damaged_and_resumed == whole
