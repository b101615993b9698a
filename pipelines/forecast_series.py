"""Forecast a series of numbers: figures beside simpler forecasts, and a SavedModel.

python pipelines/forecast_series.py --help
"""

from tfseq.options.command_line import run
from tfseq.options.run_options import parse_run_options
from tfseq.tasks.forecasting.options import ForecastOptions


def main(options: ForecastOptions) -> None:
    from tfseq.serving import ForecasterSettings, export_forecaster
    from tfseq.tasks.forecasting.run import ForecastRun

    job = ForecastRun(options)
    print(job.summary())
    metrics = job.fit()
    print(f"\n{job.result()}\n")
    print(f"run       {job.directory.path}")
    if options.report:
        print(f"report    {job.write_report(metrics)}")
    job.export(
        lambda directory: export_forecaster(
            job.model,
            directory,
            columns=job.series.columns,
            settings=ForecasterSettings(max_horizon=options.horizon),
            metadata=job.metadata(),
        )
    )


if __name__ == "__main__":
    run(lambda: parse_run_options(ForecastOptions), main)
