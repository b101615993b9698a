"""forecast_series.py end to end: quality, no leak, resume, and what it refuses."""

import contextlib
import csv
import json

import numpy as np
import pytest
from pipeline_scripts import script
from series_runs import EPOCHS, SEASON, SMALL, STEPS, make_training, seasonal, write
from stopping import stopping

import tfseq
from tfseq.metrics.forecasting import rmse
from tfseq.models import LinearAutoregression
from tfseq.serving import export, inspect_export


@pytest.fixture(scope="module")
def place(tmp_path_factory, loader):
    """A directory with a series, and a finished run on it."""
    place = tmp_path_factory.mktemp("series")
    with contextlib.chdir(place), pytest.MonkeyPatch.context() as patch:
        # Another process for the warm-up would take seconds.
        patch.setattr(export, "LoaderProcess", lambda: contextlib.nullcontext(loader))
        write(place / "sales.csv", seasonal())
        options = [
            "--data=sales.csv",
            "--columns=up,down",
            f"--epochs={EPOCHS}",
            "--season=8",
            "--report",
            f"--export-dir={place / 'exported'}",
        ]
        script("forecast_series", *SMALL, *options, cwd=place)
        yield place


def test_it_is_better_than_the_naive_forecasts(place):
    metrics = json.loads((place / "runs" / "sales_gru" / "metrics.json").read_text())
    assert set(metrics["test"]) == {"up", "down"}
    for c, column in enumerate(("up", "down")):
        methods = metrics["test"][column]
        assert list(methods) == [
            "naive",
            "seasonal naive",
            "linear AR(12)",
            "feed-forward network",
            "GRU",
        ]
        # What the noise alone comes to, in the steps that were foretold.
        told = np.stack([np.arange(t, t + 6) for t in range(STEPS - 72, STEPS - 5)])
        best = rmse(seasonal(noise=0)[told, c], seasonal()[told, c])
        for network in ("feed-forward network", "GRU"):
            figures = methods[network]
            assert 0.95 * best < figures["rmse"] < 1.3 * best
            for simple in ("naive", "seasonal naive"):
                assert figures["rmse"] < 0.9 * methods[simple]["rmse"]
                assert figures["mase"] < 0.9 * methods[simple]["mase"]


def test_figures_are_those_of_forecasts_from_every_step_of_the_test_split(place):
    values = np.loadtxt(place / "sales.csv", delimiter=",", skiprows=1)[:, 1:]
    train_end, test_start = STEPS - 2 * 72, STEPS - 72
    model = LinearAutoregression(values[:train_end], lookback=12)
    errors = np.array(
        [
            model.forecast(values[None, t - 12 : t], 6)[0] - values[t : t + 6]
            for t in range(test_start, STEPS - 6 + 1)
        ]
    )
    metrics = json.loads((place / "runs" / "sales_gru" / "metrics.json").read_text())
    scale = np.abs(values[SEASON:train_end] - values[: train_end - SEASON]).mean(axis=0)
    for c, column in enumerate(("up", "down")):
        told = metrics["test"][column]["linear AR(12)"]
        assert told["rmse"] == pytest.approx(np.sqrt(np.mean(errors[..., c] ** 2)))
        assert told["rmse_one_step"] == pytest.approx(np.sqrt(np.mean(errors[:, 0, c] ** 2)))
        assert told["rmse_horizon"] == pytest.approx(np.sqrt(np.mean(errors[:, 5, c] ** 2)))
        assert told["mase"] == pytest.approx(np.mean(np.abs(errors[..., c])) / scale[c])


def test_the_run_is_complete(place):
    directory = place / "runs" / "sales_gru"
    assert {p.name for p in directory.iterdir()} >= {
        "checkpoints", "config.json", "curves.png", "forecast.png", "history.csv", "metrics.json",
        "model.weights.h5", "report.html",
    }  # fmt: skip
    assert (directory / "forecast.png").read_bytes().startswith(b"\x89PNG")
    with open(directory / "history.csv", newline="") as file:
        losses = [float(row["validation_loss"]) for row in csv.DictReader(file)]
    metrics = json.loads((directory / "metrics.json").read_text())
    assert metrics["validation_loss"] == pytest.approx(min(losses))
    assert min(losses) < 0.9 * losses[0]
    page = (directory / "report.html").read_text()
    for words in ("seasonal naive", "linear AR(12)", "feed-forward network", "--learning-rate"):
        assert words in page
    assert f"{metrics['test']['up']['GRU']['rmse']:.4f}" in page
    assert not list(place.rglob("*.partial*"))


class StopError(Exception):
    """Stands for a kill."""


@pytest.fixture(scope="module")
def resumed(place):
    """The same run, stopped within an epoch and gone on with."""
    options = ["--data=sales.csv", "--columns=up,down", "--season=8", f"--epochs={EPOCHS}"]
    cut = make_training(*options, "--checkpoint-seconds=0", f"--run-dir={place / 'cut'}")
    with pytest.raises(StopError):
        stopping(cut.run, 50, StopError()).fit()
    said = []
    resumed = make_training("--resume", f"--run-dir={place / 'cut'}", log=said.append)
    resumed.run.fit(resumed.evaluate)
    assert "resumed at step 50, epoch 2" in said
    return resumed


@pytest.mark.slow
def test_resumed_it_ends_with_the_same_weights_and_metrics(place, resumed):
    whole = tfseq.load(place / "runs" / "sales_gru")
    for a, b in zip(weights(whole), weights(resumed.task), strict=True):
        np.testing.assert_array_equal(a, b)
    assert whole.metrics["test"] == resumed.task.metrics["test"]


def test_what_a_resumed_run_may_not_change(place):
    with pytest.raises(tfseq.InputError, match="`lookback` was 12 and is now 9"):
        make_training("--resume", "--lookback=9", "--run-dir=runs/sales_gru")
    write(place / "other.csv", seasonal() + 1)
    with pytest.raises(tfseq.InputError, match="the data is not the one that the run"):
        make_training("--resume", "--data=other.csv", "--run-dir=runs/sales_gru")


@pytest.mark.slow
def test_the_export_gives_the_runs_own_forecasts(place, resumed, loader):
    path = place / "exported" / "sales_gru" / "1"
    inspection = inspect_export(path)
    assert inspection.problems == ()
    assert inspection.card["columns"] == ["up", "down"]
    assert inspection.card["metadata"]["options"]["lookback"] == 12
    loader.load(path)
    origins, told = resumed.evaluation.origins, resumed.evaluation.forecasts["GRU"]
    values = resumed.series.values
    served = loader.run(
        path,
        "serving_default",
        values=np.float32([values[t - 12 : t] for t in origins]),
        horizon=np.full(len(origins), 6, "int32"),
    )
    np.testing.assert_allclose(served["forecast"] / [1, 250], told / [1, 250], atol=1e-5)
    assert set(served["warning"]) == {b""}


def weights(task):
    return [np.asarray(w) for w in task.model.get_weights()]


@pytest.mark.slow
def test_later_values_have_no_say_in_any_forecast(tmp_path):
    """Every method is fitted and scaled on the training split alone.

    Two series differ in their validation split and at their end. After the one epoch that there
    is, forecasts from what they have in common must be the same.
    """
    values = seasonal(200)
    write(tmp_path / "a.csv", values)
    values[100:140] = 9e5 - 100 * values[100:140]
    values[190:] = -1e6
    write(tmp_path / "b.csv", values)
    trainings = [
        make_training(
            f"--data={tmp_path / name}.csv",
            "--columns=up,down",
            "--validation-fraction=0.2",
            "--test-fraction=0.3",
            f"--season={SEASON}",
            "--epochs=1",
            f"--run-dir={tmp_path / name}",
        )
        for name in "ab"
    ]
    for training in trainings:
        split, model = training.split, training.task.model
        assert (split.train_end, split.validation_end) == (100, 140)
        training.run.fit(training.evaluate)
        np.testing.assert_allclose(model.mean, seasonal(200)[:100].mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(model.scale, seasonal(200)[:100].std(axis=0), rtol=1e-5)
    a, b = (training.evaluation for training in trainings)
    assert list(a.forecasts) == list(b.forecasts)
    assert {"seasonal naive", "linear AR(12)", "feed-forward network", "GRU"} <= set(a.forecasts)
    known = (a.origins - 12 >= 140) & (a.origins <= 190)
    assert known.sum() == 39
    for method in a.forecasts:
        np.testing.assert_array_equal(a.forecasts[method][known], b.forecasts[method][known])
    np.testing.assert_array_equal(a.mase_scale, b.mase_scale)
    for one, other in zip(*(weights(training.task) for training in trainings), strict=True):
        np.testing.assert_array_equal(one, other)
