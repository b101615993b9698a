"""The report of a forecaster's run."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfseq.report import Report
from tfseq.report.report_gradient_norms import add_gradient_norms
from tfseq.tasks.report_parts import add_configuration, best_epoch, history_lines

if TYPE_CHECKING:
    from tfseq.tasks.forecasting.training import ForecasterTraining

_DRAWN_COLUMNS = 6


def forecast_report(training: "ForecasterTraining", metrics: Mapping[str, Any]) -> Report:
    """Configuration, curve, a forecast, metrics of all methods, error by step ahead, timing."""
    evaluation, method, run = training.evaluation, training.task.method, training.run
    report = Report(run.directory.name, training.describe_model())
    horizon = evaluation.targets.shape[1]
    of_columns = evaluation.all_metrics()
    first = of_columns[evaluation.columns[0]][method]
    head = f"{evaluation.columns[0]}: " if len(evaluation.columns) > 1 else ""
    report.highlights(
        {
            f"{head}RMSE, 1 to {horizon} steps ahead": first["rmse"],
            f"{head}RMSE, one step ahead": first["rmse_one_step"],
            f"{head}MASE": first["mase"],
            "epochs": metrics["epochs"],
        }
    )
    season = f"one season, {evaluation.season} steps," if evaluation.season else "one step"
    report.section("Forecasts").prose(
        f"From each of {len(evaluation.origins):,} steps of the test split, {horizon} steps ahead. "
        "No method has seen the test split before. MASE 1 is the mean error of the naive forecast "
        f"of {season} in the training split."
    )
    for c, column in enumerate(evaluation.columns[:_DRAWN_COLUMNS]):
        _add_column(report, evaluation, training.series.values, method, c, column)
    if len(evaluation.columns) > _DRAWN_COLUMNS:
        report.table(
            ["column", "method", "RMSE", "MASE"],
            [
                [column, name, of["rmse"], of["mase"]]
                for column, methods in list(of_columns.items())[_DRAWN_COLUMNS:]
                for name, of in methods.items()
            ],
            caption="Other columns",
        )
    history = run.trainer.progress.history
    report.section("Training").chart(
        history_lines(history, {"training": "train_loss", "validation": "validation_loss"}),
        "epoch",
        "mean squared error, standardised",
        log_y=True,
        marks=best_epoch(metrics),
        caption=(
            "Training counts steps within the lookback and steps fed back; validation counts "
            "the whole horizon"
        ),
    )
    add_gradient_norms(report, history, run.options.clip_norm)
    report.values(
        {
            "parameters": metrics["num_parameters"],
            "steps": metrics["steps"],
            "seconds of training": metrics["training_seconds"],
            "targets per second": metrics["targets_per_second"],
        }
    )
    return add_configuration(
        report,
        run.options,
        metrics,
        **({} if run.options.data else {"data": "built in"}),
        columns=", ".join(evaluation.columns),
        season=evaluation.season or "none",
        feedback_steps=run.options.num_feedback_steps(),
    )


def _add_column(report, evaluation, values, method, c, column) -> None:
    head = f"{column}: " if len(evaluation.columns) > 1 else ""
    methods = list(evaluation.forecasts)
    report.table(
        ["method", "RMSE, 1 step", f"RMSE, {evaluation.targets.shape[1]} steps", "RMSE", "MASE"],
        [[m, *evaluation.metrics(m, c).values()] for m in methods],
        caption=f"{head}RMSE and MASE",
    )
    origin, horizon = int(evaluation.origins[-1]), evaluation.targets.shape[1]
    start = max(origin - horizon - horizon // 2, 0)
    lines = {
        "the series": [(t, values[t, c]) for t in range(start, min(origin + horizon, len(values)))]
    }
    for m in (method, *evaluation.shown()):
        forecast = evaluation.forecasts[m][-1, :, c]
        lines[m] = [(origin + k, value) for k, value in enumerate(forecast)]
    report.chart(
        lines,
        "step",
        column,
        marks={"now": origin - 0.5},
        caption=f"{head}forecasts from step {origin:,} on",
    )
    # Drawn together with the naive forecast, which is far off, all others would be one line.
    drawn = [m for m in methods if m != "naive" or len(methods) < 5][:6]
    report.chart(
        {m: list(enumerate(evaluation.rmse_by_step(m, c), start=1)) for m in drawn},
        "steps ahead",
        "RMSE",
        caption=f"{head}RMSE by number of steps ahead",
    )
