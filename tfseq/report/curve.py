"""The training curves: loss, accuracy and perplexity by epoch, as charts and as a picture."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfseq.report.figures import Chart, chart_figure, save_figure


@dataclass(frozen=True)
class Panel:
    """One metric of training, and the same of validation, against epochs.

    Attributes:
        label: what the metric is.
        train: its key in a row of history, or None.
        validation: the key of the same metric of validation, or None.
        logarithmic: whether the axis is.
        best: `min` or `max`: which value of validation is written beside its point.
        form: how it is written.
    """

    label: str
    train: str | None
    validation: str | None
    logarithmic: bool = False
    best: Callable[[Sequence[float]], float] = min
    form: str = "{:.3f}"

    def chart(self, history: Sequence[Mapping[str, Any]]) -> Chart:
        """The curves of a history, a row an epoch. What is not there or infinite is left out.

        The last value of training and the best of validation are written beside their points.

        >>> rows = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.5}]
        >>> Panel("loss", "loss", None).chart(rows).notes
        [('training', 2, '1.500')]
        """
        lines, notes = {}, []
        for name, key in (("training", self.train), ("validation", self.validation)):
            values = {
                row["epoch"]: row[key]
                for row in history
                if row.get(key) is not None and math.isfinite(row[key])
            }
            lines[name] = [*values.items()]
            if values:
                last = max(values)
                epoch = last if name == "training" else self.best(values, key=values.get)
                notes.append((name, epoch, self.form.format(values[epoch])))
        return Chart(lines, "epoch", self.label, log_y=self.logarithmic, notes=notes)


#: Perplexity of a language model, on a logarithmic axis.
PERPLEXITY = Panel(
    "perplexity per token", "train_perplexity", "validation_perplexity", True, form="{:.2f}"
)


def save_curves(
    history: Sequence[Mapping[str, Any]],
    path: str | os.PathLike,
    panels: Sequence[Panel],
    title: str = "",
) -> None:
    """Draw the metrics of `panels` by epoch, side by side, as PNG, written aside and renamed.

    A row of `history` holds its `epoch`, and the metrics under the panels' keys.
    """
    save_figure(chart_figure([panel.chart(history) for panel in panels], title), path)
