"""The report of a model that was trained on labelled examples."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfseq.metrics.classification import f1_scores
from tfseq.options.saving import without_places
from tfseq.report import Report
from tfseq.report.confusion_picture import CONFUSION_PICTURE
from tfseq.report.report_gradient_norms import add_gradient_norms
from tfseq.tasks.supervised.supervised_run import SupervisedRun

# A wider matrix does not fit the page, and is shown as the picture that the run has of it.
_MOST_LABELS = 8


def supervised_report(
    run: SupervisedRun,
    metrics: Mapping[str, Any],
    figures: Mapping[str, str],
    own_name: str,
    part: str,
    confusion: np.ndarray,
    labels: Sequence[str],
    add_examples: Callable[[Report], None],
) -> Report:
    """Result beside simpler models, curves, confusion, time and configuration.

    Args:
        run: the run, fitted.
        metrics: its figures, with `test_<key>` for each key of `figures`, and under `baselines`
            a name with the same keys for each simpler model.
        figures: key -> name of what is compared.
        own_name: what the model is called beside the others.
        part: the examples that the figures are of.
        confusion: counts, rows being labels and columns guesses.
        labels: their names.
        add_examples: adds what the model made of some examples.
    """
    history = run.trainer.progress.history
    report = Report(run.directory.name, f"{own_name}: {metrics['num_parameters']:,} parameters")
    own = {key: metrics[f"test_{key}"] for key in figures}
    report.section("Result").highlights({name: f"{own[k]:.3f}" for k, name in figures.items()})
    rows = [(own_name, own), *metrics["baselines"].items()]
    report.table(
        ["model", *figures.values()],
        [[name, *(round(told[key], 3) for key in figures)] for name, told in rows],
        caption=f"On {part}",
    )
    report.section("Curves")
    marks = {"best": metrics["best_epoch"]} if metrics["best_epoch"] else None
    for panel in run.panels:
        lines = {
            name: [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
            for name, key in (("training", panel.train), ("validation", panel.validation))
            if key
        }
        label = panel.label if panel.train else f"validation {panel.label}"
        report.chart(lines, "epoch", label, log_y=panel.logarithmic, marks=marks)
    add_gradient_norms(report, history, run.options.clip_norm)
    report.section("Labels")
    scores, counts = f1_scores(confusion), confusion.sum(axis=1)
    rows = [[labels[i], int(counts[i]), round(float(scores[i]), 3)] for i in np.argsort(-counts)]
    report.table(["label", "examples", "F1"], rows)
    if len(labels) <= _MOST_LABELS:
        report.matrix(labels, labels, confusion.tolist(), caption="Rows: label. Columns: guess.")
    else:
        picture = run.directory.path / CONFUSION_PICTURE
        report.figure(picture, "Counts of each label and each guess", "Labels and guesses")
    add_examples(report.section("Examples"))
    report.section("Time").values(
        {
            "training, seconds": metrics["training_seconds"],
            "targets a second": metrics["targets_per_second"],
            "epochs": metrics["epochs"],
            "best epoch": metrics["best_epoch"],
        }
    )
    report.section("Configuration").values(
        {
            f"--{name.replace('_', '-')}": value
            for name, value in without_places(run.options).items()
        }
    )
    names = ("tensorflow_version", "keras_version", "python_version", "data_fingerprint")
    return report.values({n.replace("_", " "): metrics[n] for n in names}, "Made with")
