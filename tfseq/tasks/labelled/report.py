"""The report of a model that was trained on labelled examples."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfseq.metrics.classification import f1_scores
from tfseq.report import Report
from tfseq.report.report_gradient_norms import add_gradient_norms
from tfseq.tasks.report_parts import add_configuration, best_epoch, history_lines

if TYPE_CHECKING:
    from tfseq.tasks.labelled.training import LabelledTraining

# A wider matrix does not fit the page, and is shown as the picture that the run has of it.
_MOST_LABELS = 8


def labelled_report(training: "LabelledTraining", metrics: Mapping[str, Any]) -> Report:
    """Result beside simpler models, curves, confusion, examples, time and configuration."""
    run, examples, name = training.run, training.examples, training.model_name
    history, scores = run.trainer.progress.history, training.examples.scores
    report = Report(run.directory.name, f"{name}: {metrics['num_parameters']:,} parameters")
    own = {key: metrics[f"test_{key}"] for key in scores}
    report.section("Result").highlights({of: f"{own[key]:.3f}" for key, of in scores.items()})
    rows = [(name, own), *metrics["baselines"].items()]
    report.table(
        ["model", *scores.values()],
        [[model, *(round(of[key], 3) for key in scores)] for model, of in rows],
        caption=f"On {len(examples.splits['test']):,} {examples.unit}s of the test split",
    )
    report.section("Curves")
    (key, score), *_ = scores.items()
    losses = {"training": "train_loss", "validation": "validation_loss"}
    marks = best_epoch(metrics)
    report.chart(history_lines(history, losses), "epoch", "loss", marks=marks)
    lines = history_lines(history, {"validation": f"validation_{key}"})
    report.chart(lines, "epoch", f"validation {score}", marks=marks)
    add_gradient_norms(report, history, run.options.clip_norm)
    _add_labels(report.section("Labels"), training)
    examples.add_to_report(report.section("Examples"), training.test_logits)
    report.section("Time").values(
        {
            "training, seconds": metrics["training_seconds"],
            "targets a second": metrics["targets_per_second"],
            "epochs": metrics["epochs"],
            "best epoch": metrics["best_epoch"],
        }
    )
    return add_configuration(report, run.options, metrics)


def _add_labels(report: Report, training: "LabelledTraining") -> None:
    confusion, labels = training.test_confusion, training.examples.labels
    scores, counts = f1_scores(confusion), confusion.sum(axis=1)
    rows = [[labels[i], int(counts[i]), round(float(scores[i]), 3)] for i in np.argsort(-counts)]
    report.table(["label", "examples", "F1"], rows)
    if len(labels) <= _MOST_LABELS:
        caption = "Rows: label. Columns: prediction."
        report.matrix(labels, labels, confusion.tolist(), caption=caption)
    else:
        picture = training.run.directory.confusion
        report.figure(picture, "Counts of each label and each prediction", "Labels and predictions")
