"""forecast_series.py end to end: quality, no leak, resume, and what it refuses."""

import contextlib
import csv
import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from tfseq.tasks.forecasting.run import ForecastRun

import tfseq
from tfseq.metrics.forecasting import rmse
from tfseq.models import LinearAutoregression
from tfseq.options.run_options import parse_run_options
from tfseq.serving import export, inspect_export
from tfseq.serving.loader.loader_process import LoaderProcess
from tfseq.tasks.forecasting.options import ForecastOptions

SCRIPT = Path(__file__).parents[3] / "pipelines" / "forecast_series.py"
SEASON, STEPS = 8, 480
SMALL = "--lags=12 --horizon=6 --units=12 --feedback-steps=3 --batch-size=8 --seed=1".split()
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


def run_script(*arguments):
    script = runpy.run_path(str(SCRIPT))
    options = parse_run_options(ForecastOptions, [*map(str, arguments)])
    script["main"](options)


def make_run(*arguments, log=lambda line: None):
    options = parse_run_options(ForecastOptions, [*SMALL, "--no-export", *map(str, arguments)])
    return ForecastRun(options, log=log)


@pytest.fixture(scope="module")
def loader_process():
    with LoaderProcess() as loader:
        yield loader


@pytest.fixture(scope="module")
def place(tmp_path_factory, loader_process):
    """A directory with a series, and a finished run on it."""
    place = tmp_path_factory.mktemp("series")
    with contextlib.chdir(place), pytest.MonkeyPatch.context() as patch:
        # Another process for the warm-up would take seconds.
        patch.setattr(export, "LoaderProcess", lambda: contextlib.nullcontext(loader_process))
        write(place / "sales.csv", seasonal())
        options = [
            "--data=sales.csv",
            "--columns=up,down",
            f"--epochs={EPOCHS}",
            "--season=8",
            "--report",
            f"--export-dir={place / 'exported'}",
        ]
        run_script(*SMALL, *options)
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


def test_figures_are_those_of_forecasts_from_every_step_of_the_test_part(place):
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
    cut = make_run(*options, "--checkpoint-seconds=0", f"--run-dir={place / 'cut'}")
    step = cut.trainer._run_step

    def stopping(batch):
        if cut.trainer.progress.step == 50:
            raise StopError
        return step(batch)

    cut.trainer._run_step = stopping
    with pytest.raises(StopError):
        cut.fit()
    said = []
    run = make_run("--resume", f"--run-dir={place / 'cut'}", log=said.append)
    run.fit()
    assert "resumed at step 50, epoch 2" in said
    return run


def test_resumed_it_ends_with_the_same_weights_and_figures(place, resumed):
    whole = make_run("--resume", "--run-dir", place / "runs" / "sales_gru")
    whole.model.load_weights(whole.directory.weights)
    for a, b in zip(weights(whole), weights(resumed), strict=True):
        np.testing.assert_array_equal(a, b)
    figures = [json.loads(run.directory.metrics.read_text())["test"] for run in (whole, resumed)]
    assert figures[0] == figures[1]


def test_what_a_resumed_run_may_not_change(place):
    with pytest.raises(tfseq.InputError, match="--lags was 12 and is now 9"):
        make_run("--resume", "--lags=9", "--run-dir=runs/sales_gru")
    write(place / "other.csv", seasonal() + 1)
    with pytest.raises(tfseq.InputError, match="the data is not the one that the run"):
        make_run("--resume", "--data=other.csv", "--run-dir=runs/sales_gru")


def test_the_export_gives_the_runs_own_forecasts(place, resumed, loader_process):
    path = place / "exported" / "sales_gru" / "1"
    inspection = inspect_export(path)
    assert inspection.problems == ()
    assert inspection.card["columns"] == ["up", "down"]
    assert inspection.card["metadata"]["options"]["lags"] == 12
    loader_process.load(path)
    origins, told = resumed.evaluation.origins, resumed.evaluation.forecasts["GRU"]
    values = resumed.series.values
    served = loader_process.run(
        path,
        "serving_default",
        values=np.float32([values[t - 12 : t] for t in origins]),
        horizon=np.full(len(origins), 6, "int32"),
    )
    np.testing.assert_allclose(served["forecast"] / [1, 250], told / [1, 250], atol=1e-5)
    assert set(served["warning"]) == {b""}


def weights(run):
    return [np.asarray(w) for w in run.model.get_weights()]


def test_later_values_have_no_say_in_any_forecast(tmp_path):
    """Every method is fitted and scaled on the training part alone.

    Two series differ in their validation part and at their end. After the one epoch that there
    is, forecasts from what they have in common must be the same.
    """
    values = seasonal(200)
    write(tmp_path / "a.csv", values)
    values[100:140] = 9e5 - 100 * values[100:140]
    values[190:] = -1e6
    write(tmp_path / "b.csv", values)
    runs = [
        make_run(
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
    for run in runs:
        assert (len(run.training), run.split.validation_end) == (100, 140)
        run.fit()
        np.testing.assert_allclose(run.model.mean, seasonal(200)[:100].mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(run.model.scale, seasonal(200)[:100].std(axis=0), rtol=1e-5)
    a, b = (run.evaluation for run in runs)
    assert list(a.forecasts) == list(b.forecasts)
    assert {"seasonal naive", "linear AR(12)", "feed-forward network", "GRU"} <= set(a.forecasts)
    known = (a.origins - 12 >= 140) & (a.origins <= 190)
    assert known.sum() == 39
    for method in a.forecasts:
        np.testing.assert_array_equal(a.forecasts[method][known], b.forecasts[method][known])
    np.testing.assert_array_equal(a.training, b.training)
    for one, other in zip(*map(weights, runs), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_column_of_row_numbers_is_left_out_and_named(tmp_path):
    write(tmp_path / "a.csv", seasonal(160))
    run = make_run(f"--data={tmp_path / 'a.csv'}", f"--run-dir={tmp_path / 'run'}")
    assert run.series.columns == ("up", "down")
    note = "note   left out: day (row numbers or times, which are taken only by name)."
    assert run.summary().splitlines()[3:] == [note]


def test_the_best_epoch_is_chosen_in_the_validation_part(tmp_path):
    """Before any step the model is the naive forecast, whose error there is plain."""
    values = seasonal(200)
    write(tmp_path / "a.csv", values)
    run = make_run(
        f"--data={tmp_path / 'a.csv'}",
        "--columns=up,down",
        "--validation-fraction=0.2",
        "--test-fraction=0.3",
        "--run-dir=never",
    )
    off = [values[t - 1] - values[t : t + 6] for t in range(100, 140 - 6 + 1)]
    expected = np.mean(np.square(off / values[:100].std(axis=0)))
    assert run.task.validate()["validation_loss"] == pytest.approx(expected, rel=1e-4)


BAD = {
    "exact season": (["--data=exact.csv", "--season=6"], "'a' repeats itself exactly in the train"),
    "no file": (["--data=nowhere.csv"], "nowhere.csv cannot be read"),
    "unknown column": (["--columns=up,upp"], "has no column 'upp'; it has day, up, down. Did you"),
    "same column twice": (["--columns=up,up"], "`--columns` must be different names"),
    "too many lags": (["--lags=900"], r"`lags` 900 and `horizon` 6 need 906\. Lower"),
    "no test": (["--test-fraction=0"], "`test_fraction` must be above 0 and less than 1"),
    "no training": (["--test-fraction=0.6", "--validation-fraction=0.5"], "0 of them to train on"),
    "long season": (["--season=336"], "`--season` must be less than the 336 steps"),
    "season of one": (["--season=1"], "`season` must be an integer, at least 2"),
    "feedback": (["--feedback-steps=7"], "`--feedback-steps` must not be more than `--horizon`"),
    "constant": (["--data=constant.csv"], "the column 'a' changes too little in the training"),
    "columns without data": (["--data=", "--columns=y"], "`data` must be a path"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error_and_leaves_nothing(case, place):
    arguments, words = BAD[case]
    (place / "constant.csv").write_text("a\n" + "7000000.5\n" * 400)
    (place / "exact.csv").write_text("a\n" + "1\n2\n4\n" * 160)
    before = sorted(place.rglob("*"))
    with pytest.raises(tfseq.InputError, match=words) as error:
        make_run("--data=sales.csv", "--run-dir=bad", *arguments)
    assert len(str(error.value).splitlines()) == 1
    assert sorted(place.rglob("*")) == before


def test_the_built_in_series_has_its_own_season_and_one_column(tmp_path):
    run = make_run(f"--run-dir={tmp_path / 'run'}")
    assert run.season == 40
    assert re.match(r"series noisy_sine \(x\): 1,400 steps to train on, 300 to", run.summary())
    with pytest.raises(tfseq.InputError, match="the built-in series has the one column 'x'"):
        make_run(f"--run-dir={tmp_path / 'run'}", "--columns=y")
