"""What a trained classifier and a trained tagger have in common."""

import os
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import tensorflow as tf

from tfseq.metrics.classification import confusion_matrix, f1_scores
from tfseq.report.aligned import aligned
from tfseq.tasks.labelled.examples import Examples
from tfseq.tasks.labelled.predictor import Predictor, mean_cross_entropy
from tfseq.tasks.task import Task


class LabelledTask(Task):
    """A model that gives labels; see `Task`."""

    @abstractmethod
    def read_examples(self, path: str | os.PathLike | None) -> Examples:
        """Labelled examples with this task's vocabulary and labels: `ids["test"]` of the run's own
        where `path` is None, else of all that the file holds."""

    @abstractmethod
    def make_signatures(self, settings: Any) -> tf.Module:
        """What the export answers with."""

    def evaluate(self, path: str | os.PathLike | None = None) -> dict[str, Any]:
        """Measure the model on labelled examples.

        Args:
            path: a file as `data` names one, all of it; None takes the test split of the run's own.

        Returns:
            `loss` in nats, `accuracy`, the F1 that fits the labels, `f1` of each label, and the
            number of targets.

        Raises:
            InputError: the file cannot be read or has an unknown label, or the run's own has
                changed since.
        """
        examples = self.read_examples(path)
        if path is None:
            self.run.check_fingerprint(examples.fingerprint, "the data")
        split = examples.ids["test"]
        logits = Predictor(self.model)(split.ids)
        targets, predictions = split.flat_targets, logits.argmax(axis=1)
        scores = f1_scores(confusion_matrix(targets, predictions, len(self.labels)))
        return {
            "loss": mean_cross_entropy(logits, targets),
            **examples.score(predictions, split),
            "f1": dict(zip(self.labels, map(float, scores), strict=True)),
            "num_targets": len(targets),
        }

    def describe(self, evaluation: Mapping[str, Any]) -> str:
        rows = {name: of for name, of in evaluation.items() if isinstance(of, float)}
        rows |= {f"F1 of {label}": f1 for label, f1 in evaluation["f1"].items()}
        names = {"macro_f1": "macro F1", "span_f1": "span F1"}
        table = aligned([names.get(name, name), f"{value:.4f}"] for name, value in rows.items())
        return f"{evaluation['num_targets']:,} labels predicted\n{table}"

    @cached_property
    def _signatures(self) -> tf.Module:
        settings = self.settings_type(**self.usual_settings())
        return self.make_signatures(settings)
