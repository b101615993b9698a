"""Training on labelled examples, whatever the labels are of."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tfseq.metrics.classification import confusion_matrix, f1_scores
from tfseq.options.model.layer_sizes import shape_in_words, with_layers_agreed
from tfseq.report import Report
from tfseq.report.aligned import aligned
from tfseq.report.confusion_picture import save_confusion_matrix
from tfseq.report.curve import Panel, save_curves
from tfseq.runs.open_run import as_saved, open_run
from tfseq.runs.training_run import TrainingRun
from tfseq.tasks.labelled.examples import Examples
from tfseq.tasks.labelled.objective import labelled_objective
from tfseq.tasks.labelled.options import LabelledOptions
from tfseq.tasks.labelled.predictor import Predictor, mean_cross_entropy
from tfseq.tasks.labelled.report import labelled_report
from tfseq.tasks.labelled.task import LabelledTask
from tfseq.tasks.starting.layer_learning import freeze_embedding, layer_rates
from tfseq.tasks.starting.start import Start
from tfseq.tasks.subwords import files_of_tokenizer
from tfseq.tasks.task import cell_words, short_name


@dataclass
class LabelledTraining:
    """A model that is ready to learn from labelled examples.

    Attributes:
        run: the `TrainingRun`.
        task: the task, whose model it trains.
        examples: the labelled examples.
        start: what was taken over at the start, in a line; empty where nothing was.
    """

    run: TrainingRun
    task: LabelledTask
    examples: Examples
    start: str = ""

    def summary(self) -> str:
        """The examples, the model and the place of the run, a line each, and notes."""
        examples, sizes = self.examples, {n: len(s) for n, s in self.examples.splits.items()}
        heads = (f"{examples.unit}s", "model", "run", "note")
        lines = [
            f"{examples.name}: {sizes['train']:,} to train on, {sizes['validation']:,} to "
            f"validate, {sizes['test']:,} to test; {len(examples.labels)} labels, "
            f"{len(self.task.vocabulary):,} symbols",
            f"{self.model_name}, {shape_in_words(self.run.options, each_way=True)}: "
            f"{self.run.model.count_params():,} parameters",
            f"{self.run.directory.path}",
        ]
        lines = list(zip(heads, lines, strict=False)) + [("note", n) for n in examples.notes]
        lines += [("start", self.start)] if self.start else []
        return aligned(lines, left=(0, 1)) + "\n"

    @property
    def model_name(self) -> str:
        """What the model is called beside simpler ones."""
        return f"bidirectional {cell_words(self.run.options.cell)}"

    @cached_property
    def test_logits(self) -> np.ndarray:
        """What the finished model makes of the test split."""
        return Predictor(self.run.model)(self.examples.ids["test"].ids)

    @property
    def test_confusion(self) -> np.ndarray:
        """Counts of label and prediction in the test split."""
        targets = self.examples.ids["test"].flat_targets
        return confusion_matrix(targets, self.test_logits.argmax(1), len(self.examples.labels))

    def evaluate(self, saved: Mapping[str, Any]) -> dict[str, Any]:
        """The metrics of the test split, beside those of simpler models."""
        examples, splits = self.examples, self.examples.splits
        predictions = self.test_logits.argmax(axis=1)
        scores = examples.score(predictions, examples.ids["test"])
        self._draw_confusion()
        return {
            f"{examples.unit}s": sum(map(len, splits.values())),
            **{f"{name}_{examples.unit}s": len(split) for name, split in splits.items()},
            "num_labels": len(examples.labels),
            "vocabulary_size": len(self.task.vocabulary),
            **{f"test_{name}": value for name, value in scores.items()},
            **examples.more_metrics(predictions),
            "test_f1": dict(
                zip(examples.labels, map(float, f1_scores(self.test_confusion)), strict=True)
            ),
            "baselines": saved.get("baselines") or examples.baselines(),
        }

    def result(self, metrics: Mapping[str, Any]) -> str:
        """The metrics of the test split, beside those of simpler models, as a table."""
        scores = self.examples.scores
        head = f"on {len(self.examples.splits['test']):,} {self.examples.unit}s"
        own = {key: metrics[f"test_{key}"] for key in scores}
        rows = {self.model_name: own, **metrics["baselines"]}
        table = ([name, *(f"{row[key]:.3f}" for key in scores)] for name, row in rows.items())
        lines = [aligned([[head, *scores.values()], *table], least=8)]
        if metrics.get("test_unknown_accuracy") is not None:
            share, accuracy = metrics["test_unknown_share"], metrics["test_unknown_accuracy"]
            lines.append(f"of tokens not seen in training ({share:.1%}): accuracy {accuracy:.3f}")
        return "\n".join(lines)

    def report(self, metrics: Mapping[str, Any]) -> Report:
        """The page of the finished run."""
        return labelled_report(self, metrics)

    def _draw_confusion(self) -> None:
        directory, examples = self.run.directory, self.examples
        title = f"{directory.name}: {len(examples.splits['test']):,} test {examples.unit}s"
        with self.run.going_on():
            save_confusion_matrix(self.test_confusion, examples.labels, directory.confusion, title)


def panels(examples: Examples) -> tuple[Panel, Panel]:
    """What the curves of a run show: the loss, and the first metric that is compared."""
    (key, name), *_ = examples.scores.items()
    return (
        Panel("loss", "train_loss", "validation_loss"),
        Panel(name, None, f"validation_{key}", best=max),
    )


def prepare_labelled(
    task_type: type[LabelledTask],
    options: LabelledOptions,
    log: Callable[[str], None],
    start: Start,
) -> LabelledTraining:
    """Read the data, look at the run directory, and build a model: validated by loss and scores."""
    options = with_layers_agreed(options)
    data = task_type.read_data(options)
    directory = open_run(options, f"{data.name}_{short_name(options.cell)}")
    start.check_room(options)
    saved = as_saved(options, directory.path)
    examples = task_type.examples_type(data, saved, start=start)
    task = task_type.of_parts(
        directory, saved, examples.vocabulary, examples.labels, examples.tokenizer
    )
    start.apply(task.model, task.vocabulary, options.seed)
    freeze_embedding(options, task.model)
    predict = Predictor(task.model)

    def validate() -> dict[str, float]:
        split = examples.ids["validation"]
        logits = predict(split.ids)
        scores = examples.score(logits.argmax(axis=1), split)
        return {
            "validation_loss": mean_cross_entropy(logits, split.flat_targets),
            **{f"validation_{name}": value for name, value in scores.items()},
        }

    run = TrainingRun(
        options,
        directory,
        labelled_objective(
            task.model, examples.ids["train"], options, validate, layer_rates(options, task.model)
        ),
        fingerprint=examples.fingerprint,
        vocabulary=task.vocabulary,
        files={
            task.labels_file: (json.dumps(task.labels, indent=1) + "\n").encode(),
            **files_of_tokenizer(directory, task.tokenizer),
            **start.files,
        },
        draw=lambda history: save_curves(
            history, directory.curves, panels(examples), title=directory.name
        ),
        log=log,
    )
    return LabelledTraining(run, task, examples, start.note)
