"""Runs of a forecaster on a small series of two columns, in one season, with noise."""

import numpy as np

from tfseq.options.run_options import parse_run_options
from tfseq.tasks.forecasting.options import ForecastingOptions
from tfseq.tasks.forecasting.training import prepare

SEASON, STEPS = 8, 480
SMALL = "--lookback=12 --horizon=6 --units=12 --feedback-steps=3 --batch-size=8 --seed=1".split()
SMALL += ["--learning-rate=0.02", "--patience=0"]
EPOCHS = 6


def seasonal(num_steps=STEPS, noise=0.15):
    """Two columns of one season, a sine and its opposite at another level, in noise."""
    noise = noise * np.random.default_rng(3).normal(size=(num_steps, 2))
    sine = np.sin(2 * np.pi * np.arange(num_steps) / SEASON)
    return (np.stack([sine, -sine], axis=1) + noise) * [1, 250] + [0, 5000]


def write(path, values):
    lines = [f"{t},{a},{b}" for t, (a, b) in enumerate(values.tolist())]
    path.write_text("\n".join(["day,up,down", *lines]) + "\n")


def make_training(*arguments, log=lambda line: None):
    """A forecaster that is ready to train."""
    arguments = [*SMALL, "--no-export", *map(str, arguments)]
    return prepare(parse_run_options(ForecastingOptions, arguments), log)
