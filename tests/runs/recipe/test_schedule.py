"""Schedules, written out in NumPy, and what they mean for a run that goes on."""

import dataclasses

import numpy as np
import pytest

from tfseq.errors import InputError
from tfseq.options.run_options import check_same_options
from tfseq.options.training_options import TrainingOptions
from tfseq.runs.recipe.schedule import learning_rate
from tfseq.runs.trainer import Trainer
from tfseq.tasks.forecasting.options import ForecastingOptions

from ..small_run import least_squares

U, EPOCHS = 4, 5
N = U * EPOCHS
T = np.arange(N)


def rates(**given):
    usual = {"learning_rate": 0.5, "learning_rate_decay": 0.8, "epochs": EPOCHS, "final_rate": 0.1}
    rate = learning_rate(TrainingOptions(**{**usual, **given}), U)
    return [float(rate(t)) if callable(rate) else rate for t in range(N)]


def cosine(start):
    u = np.clip((T - start) / (N - 1 - start), 0, 1)
    return 0.1 + 0.9 * (1 + np.cos(np.pi * u)) / 2


ONE_CYCLE_RISE = 0.04 + 0.96 * (1 - np.cos(np.pi * T / 6)) / 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"schedule": "constant"}, np.ones(N)),
        ({}, 0.8 ** (T / U)),
        ({"schedule": "cosine"}, cosine(0)),
        ({"schedule": "constant", "warmup": 0.5}, np.minimum((T + 1) / 2, 1)),
        ({"warmup": 1.5}, np.minimum((T + 1) / 6, 1) * 0.8 ** (T / U)),
        ({"schedule": "cosine", "warmup": 2}, np.minimum((T + 1) / 8, 1) * cosine(8)),
        ({"schedule": "one_cycle"}, np.where(T < 6, ONE_CYCLE_RISE, cosine(6))),
    ],
)
def test_rates(given, expected):
    np.testing.assert_allclose(rates(**given), 0.5 * expected, rtol=1e-5)


def test_the_last_rate():
    for schedule in ("cosine", "one_cycle"):
        assert rates(schedule=schedule)[-1] == pytest.approx(0.05)
        assert max(rates(schedule=schedule)) == pytest.approx(0.5)
        # The number of steps of an epoch may be one more than was counted on.
        long = learning_rate(TrainingOptions(schedule=schedule, final_rate=0), U)
        assert float(long(10 * U + 3)) == pytest.approx(0, abs=1e-9)


def test_a_warm_up_that_is_no_part_of_the_run():
    with pytest.raises(InputError, match=r"^`warmup` must be less than `epochs` with .* cosine\."):
        rates(schedule="cosine", warmup=5)
    assert rates(schedule="constant", warmup=10)[-1] == pytest.approx(0.5 * N / 40)


def test_a_run_follows_it_to_its_end():
    options = {"schedule": "cosine", "warmup": 0.5, "epochs": 2, "learning_rate": 0.1}
    trainer = Trainer(least_squares(), TrainingOptions(**options), steps_per_epoch=3)
    seen = []
    while not trainer.finished:
        for _ in trainer.train_epoch():
            seen.append(float(trainer.optimizer.learning_rate))
    t = np.arange(1, len(seen) + 1)
    u = np.clip((t - 1.5) / 3.5, 0, 1)
    expected = np.minimum((t + 1) / 1.5, 1) * (0.01 + 0.99 * (1 + np.cos(np.pi * u)) / 2)
    np.testing.assert_allclose(seen, 0.1 * expected, rtol=1e-5)


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_epochs_cannot_change_under_a_schedule_that_ends(schedule):
    saved = TrainingOptions(schedule=schedule)
    check_same_options(saved, dataclasses.replace(saved, patience=2))
    with pytest.raises(
        InputError, match=r"cannot change `epochs` from 10 to 12: .*Start a new run"
    ):
        check_same_options(saved, dataclasses.replace(saved, epochs=12))


@pytest.mark.parametrize("schedule", ["exponential", "constant"])
def test_epochs_can_change_under_another(schedule):
    saved = TrainingOptions(schedule=schedule, warmup=1.0)
    check_same_options(saved, dataclasses.replace(saved, epochs=12))
    with pytest.raises(InputError, match="`schedule` was"):
        check_same_options(saved, dataclasses.replace(saved, schedule="cosine", epochs=12))


def test_patience():
    """Under a schedule that ends, training does not stop early unless it is told to."""
    assert TrainingOptions().patience_epochs() == 3
    assert ForecastingOptions().patience_epochs() == 8
    assert ForecastingOptions(schedule="one_cycle").patience_epochs() == 0
    assert ForecastingOptions(schedule="one_cycle", patience=2).patience_epochs() == 2
