"""Gradient norms of a training run, as a chart in its report."""

from collections.abc import Mapping, Sequence
from typing import Any

from tfseq.report.report import Report


def add_gradient_norms(
    report: Report, history: Sequence[Mapping[str, Any]], clip_norm: float | None
) -> None:
    """Add a chart of each epoch's mean and largest gradient norm, and of where it was clipped.

    Args:
        report: the report.
        history: a row an epoch, with `gradient_norm` and `gradient_norm_max`.
        clip_norm: the largest norm that was let through; None where all were.
    """
    if not history:
        return
    lines = {
        name: [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
        for name, key in (("mean of the epoch", "gradient_norm"), ("largest", "gradient_norm_max"))
    }
    if clip_norm:
        lines["clipped to"] = [(row["epoch"], clip_norm) for row in (history[0], history[-1])]
    report.chart(
        lines,
        "epoch",
        "norm of the gradient",
        log_y=True,
        caption="Through training: the global norm of each step's gradient, before clipping",
    )
