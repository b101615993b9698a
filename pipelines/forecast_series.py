"""Forecast a series of numbers: errors beside simpler forecasts, and a SavedModel.

python pipelines/forecast_series.py --help
"""

import tfseq
from tfseq.options.command_line import run

if __name__ == "__main__":
    run(tfseq.ForecastingOptions, tfseq.train)
