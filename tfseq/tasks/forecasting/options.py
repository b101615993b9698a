"""Options of a forecaster's training run."""

import csv
import dataclasses
from typing import Annotated, ClassVar

from tfseq.cells.table import CellName
from tfseq.errors import InputError
from tfseq.options.model.layer_sizes import LayerSizes
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
    """Train a model that forecasts columns of a CSV file, compare it with simpler forecasts, and
    export it."""

    task: ClassVar[str] = "forecasting"
    usual_patience: ClassVar[int] = 8

    data: FreeOnResume[PathText | None] = None
    """A CSV file (.gz too; commas, semicolons or tabs). The first line holds the names of the
    columns; then follows one row per time step, oldest first. If omitted, a built-in noisy sine."""
    columns: str | None = None
    """Names of the columns to forecast, separated by commas; if omitted, all that hold numbers,
    except row numbers and times."""
    lookback: Size = 20
    """How many past steps a forecast reads."""
    horizon: Size = 40
    """How many steps ahead to forecast, in the metrics and at most in a request to the export."""
    season: Season | None = None
    """Season length in steps, for the seasonal naive forecast and the scale of MASE; if omitted,
    no season (the built-in series has its own)."""
    validation_fraction: Probability = 0.15
    """Fraction of the steps, just before the test split, for validation, which chooses the best
    epoch."""
    test_fraction: Share = 0.15
    """Fraction of the steps, the last ones, on which the metrics are computed."""

    cell: CellName = "gru"
    """The recurrent cell: rnn, gru, lstm, min_gru, min_lstm, rg_lru, layer_norm_lstm, mogrifier, or
    module:Name, your own function units -> cell."""
    units: LayerSizes = 32
    """Size of the hidden state of a layer; the feed-forward baseline's are twice as wide. Several
    numbers set one for each layer."""
    num_layers: Size = 1
    """Layers in the stack; left out where --units has several sizes."""
    dropout: Probability = 0.0
    """Dropout rate between and after the layers."""
    feedback_steps: Size | None = None
    """How many steps ahead the model reads its own forecasts in training; 1 is pure teacher
    forcing; if omitted, the horizon, but at most 12."""

    epochs: FreeOnResume[PositiveInt] = 40
    """Passes over the training windows, at most."""
    learning_rate: PositiveFloat = 0.008
    """Learning rate at the start."""
    patience: FreeOnResume[CountOrZero | None] = None
    """Stop after this many epochs without a better validation loss; 0 turns early stopping off. If
    omitted, 8, or 0 with the schedules cosine and one_cycle."""

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
                "`columns` must be different names separated by commas. Received: "
                f"{self.columns!r}."
            )
        return names
