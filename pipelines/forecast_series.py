"""Train a forecaster of a series: errors beside simpler forecasts, and a SavedModel.

python pipelines/forecast_series.py --help
"""

import tfseq
from tfseq.options.command_line import run


def command() -> None:
    run(tfseq.ForecastingOptions, tfseq.train)


if __name__ == "__main__":
    command()
