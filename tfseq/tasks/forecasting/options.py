"""What a run of a forecaster can be told."""

import csv
import dataclasses
from typing import Annotated, ClassVar

from tfseq.cells.table import CellName
from tfseq.errors import InputError
from tfseq.options.rules import (
    CountOrZero,
    FreeOnResume,
    PathText,
    PositiveFloat,
    PositiveInt,
    Probability,
    Rule,
    Share,
    Size,
)
from tfseq.options.training_options import TrainingOptions

Season = Annotated[int, Rule("an integer, at least 2", lambda v: 2 <= v < 2**31)]

# On the built-in series, seeds 0 to 2, RMSE is 0.221, 0.227, 0.219 with 12; with 1, which is less
# work, 0.219, 0.294, 0.219: one goes astray on its own forecasts. 40 gives 0.220 with seed 0.
_MOST_FEEDBACK = 12


@dataclasses.dataclass(frozen=True)
class ForecastingOptions(TrainingOptions):
    """Forecast columns of a CSV file; compare with simpler forecasts, and export the model."""

    task: ClassVar[str] = "forecasting"

    data: FreeOnResume[PathText | None] = None
    """A CSV file (.gz too; commas, semicolons or tabs), names in its first line, a row for each
    step of time, the oldest first; left out, a built-in noisy sine."""
    columns: str | None = None
    """Names of the columns to forecast, parted by commas; left out, all that hold numbers, but
    row numbers and times."""
    lookback: Size = 20
    """Lookback: the values that a forecast reads."""
    horizon: Size = 40
    """Steps ahead, in the metrics and at most in a request to the export."""
    season: Season | None = None
    """Season length in steps, for the seasonal naive forecast and the scale of MASE; left out,
    there is none (the built-in series has its own)."""
    validation_fraction: Probability = 0.15
    """Share of the steps, before those of the test, that choose the best epoch."""
    test_fraction: Share = 0.15
    """Share of the steps, the last ones, that the metrics are of."""

    cell: CellName = "gru"
    """The recurrent cell: rnn, gru, lstm, or module:Name, a function units -> cell of your own."""
    units: Size = 32
    """Size of the hidden state of a layer, and half that of the feed-forward network's layers."""
    num_layers: Size = 1
    """Layers in the stack."""
    dropout: Probability = 0.0
    """Between and out of the layers."""
    feedback_steps: Size | None = None
    """Steps ahead in training, the model reading its own forecasts: 1 is teacher forcing alone;
    left out, those of the horizon, at most 12."""

    epochs: FreeOnResume[PositiveInt] = 40
    """Passes over the training windows, at most."""
    learning_rate: PositiveFloat = 0.008
    """At the start."""
    patience: FreeOnResume[CountOrZero] = 8
    """Stop after this many epochs without a better validation loss; 0 never stops."""

    def num_feedback_steps(self) -> int:
        """`feedback_steps`, filled in.

        Raises:
            InputError: it is more than the horizon.

        >>> ForecastingOptions(horizon=100).num_feedback_steps()
        12
        """
        if self.feedback_steps is None:
            return min(self.horizon, _MOST_FEEDBACK)
        if self.feedback_steps > self.horizon:
            raise InputError(
                "`feedback_steps` must not be more than `horizon`. Received: "
                f"`feedback_steps` {self.feedback_steps}, `horizon` {self.horizon}."
            )
        return self.feedback_steps

    def column_names(self) -> list[str] | None:
        """The names in `columns`; quotes around one that holds a comma.

        >>> ForecastingOptions(columns='open, "high, adjusted"').column_names()
        ['open', 'high, adjusted']
        """
        if self.columns is None:
            return None
        names = [n.strip() for n in next(csv.reader([self.columns], skipinitialspace=True), [])]
        if not names or not all(names) or len(set(names)) < len(names):
            raise InputError(
                f"`columns` must be different names parted by commas. Received: {self.columns!r}."
            )
        return names
