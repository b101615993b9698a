"""What the reports of all tasks have."""

from collections.abc import Mapping, Sequence
from typing import Any

from tfseq.options.saving import without_places
from tfseq.options.training_options import TrainingOptions
from tfseq.report import Report


def history_lines(
    history: Sequence[Mapping[str, Any]], keys: Mapping[str, str | None]
) -> dict[str, list[tuple[int, float]]]:
    """Lines of a chart against epochs: name -> points, for each name with a key of the history.

    >>> history_lines([{"epoch": 1, "train_loss": 2.0}], {"training": "train_loss", "other": "x"})
    {'training': [(1, 2.0)]}
    """
    lines = {
        name: [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
        for name, key in keys.items()
    }
    return {name: points for name, points in lines.items() if points}


def best_epoch(metrics: Mapping[str, Any]) -> dict[str, int] | None:
    """The mark of the best epoch in a chart, where validation has chosen one."""
    return {"best": metrics["best_epoch"]} if metrics["best_epoch"] else None


def add_configuration(
    report: Report, options: TrainingOptions, metrics: Mapping[str, Any], **more: Any
) -> Report:
    """The section of the options, as one would give them to the script, and of the versions."""
    report.configuration({**without_places(options), **more})
    names = ("tensorflow_version", "keras_version", "python_version", "data_fingerprint")
    return report.values({n.replace("_", " "): metrics[n] for n in names}, "Made with")
