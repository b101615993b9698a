"""The report of a forecaster's run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfseq.report import Report
from tfseq.report.report_gradient_norms import add_gradient_norms
from tfseq.tasks.forecasting.evaluation import ForecastEvaluation

_DRAWN_COLUMNS = 6


def forecast_report(
    name: str,
    subtitle: str,
    method: str,
    evaluation: ForecastEvaluation,
    values: np.ndarray,
    history: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> Report:
    """Configuration, curve, a forecast, figures of all methods, error by step ahead, timing.

    Args:
        name: the run's name, the title.
        subtitle: the model in a line.
        method: how the model is called in `evaluation`.
        evaluation: the forecasts of the test part.
        values: `[N, C]`, the series.
        history: a row an epoch.
        options: names with values.
        metrics: as `metrics.json` holds them.
    """
    report = Report(name, subtitle)
    horizon = evaluation.targets.shape[1]
    figures = evaluation.all_figures()
    first = figures[evaluation.columns[0]][method]
    told = f"{evaluation.columns[0]}: " if len(evaluation.columns) > 1 else ""
    report.highlights(
        {
            f"{told}RMSE, 1 to {horizon} steps ahead": first["rmse"],
            f"{told}RMSE, one step ahead": first["rmse_one_step"],
            f"{told}MASE": first["mase"],
            "epochs": metrics["epochs"],
        }
    )
    season = f"one season, {evaluation.season} steps," if evaluation.season > 1 else "one step"
    report.section("Forecasts").prose(
        f"From each of {len(evaluation.origins):,} steps of the test part, {horizon} steps ahead. "
        "No method has seen the test part before. MASE 1 is the mean error of the naive forecast "
        f"of {season} in the training part."
    )
    for c, column in enumerate(evaluation.columns[:_DRAWN_COLUMNS]):
        _add_column(report, evaluation, values, method, c, column)
    if len(evaluation.columns) > _DRAWN_COLUMNS:
        report.table(
            ["column", "method", "RMSE", "MASE"],
            [
                [column, told, of["rmse"], of["mase"]]
                for column, methods in list(figures.items())[_DRAWN_COLUMNS:]
                for told, of in methods.items()
            ],
            caption="Other columns",
        )
    report.section("Training").chart(
        {
            label: [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
            for label, key in (("training", "train_loss"), ("validation", "validation_loss"))
            if any(row.get(key) is not None for row in history)
        },
        "epoch",
        "mean squared error, standardised",
        log_y=True,
        marks={"best": metrics["best_epoch"]} if metrics["best_epoch"] else None,
        caption=(
            "Training counts steps within the lags and steps fed back; validation the whole horizon"
        ),
    )
    add_gradient_norms(report, history, options["clip_norm"])
    report.values(
        {
            "parameters": metrics["num_parameters"],
            "steps": metrics["steps"],
            "seconds of training": metrics["training_seconds"],
            "targets per second": metrics["targets_per_second"],
        }
    )
    report.section("Configuration").values(
        {f"--{name.replace('_', '-')}": value for name, value in options.items()}
    )
    names = ("tensorflow_version", "keras_version", "python_version", "data_fingerprint")
    return report.values({n.replace("_", " "): metrics[n] for n in names}, "Made with")


def _add_column(report, evaluation, values, method, c, column) -> None:
    told = f"{column}: " if len(evaluation.columns) > 1 else ""
    methods = list(evaluation.forecasts)
    report.table(
        ["method", "RMSE, 1 step", f"RMSE, {evaluation.targets.shape[1]} steps", "RMSE", "MASE"],
        [[m, *evaluation.figures(m, c).values()] for m in methods],
        caption=f"{told}RMSE and MASE",
    )
    origin, horizon = int(evaluation.origins[-1]), evaluation.targets.shape[1]
    start = max(origin - horizon - horizon // 2, 0)
    lines = {
        "the series": [(t, values[t, c]) for t in range(start, min(origin + horizon, len(values)))]
    }
    for m in (method, *evaluation.rivals()):
        forecast = evaluation.forecasts[m][-1, :, c]
        lines[m] = [(origin + k, value) for k, value in enumerate(forecast)]
    report.chart(
        lines,
        "step",
        column,
        marks={"now": origin - 0.5},
        caption=f"{told}forecasts from step {origin:,} on",
    )
    # Drawn together with the naive forecast, which is far off, all others would be one line.
    drawn = [m for m in methods if m != "naive" or len(methods) < 5][:6]
    report.chart(
        {m: list(enumerate(evaluation.rmse_by_step(m, c), start=1)) for m in drawn},
        "steps ahead",
        "RMSE",
        caption=f"{told}RMSE by number of steps ahead",
    )
