"""What a trained classifier and a trained tagger have in common."""

import dataclasses
import os
import warnings
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import h5py
import keras
import numpy as np
import tensorflow as tf

from tfseq.cluster.where import HERE, Where
from tfseq.metrics.classification import confusion_matrix, f1_scores
from tfseq.report.aligned import aligned
from tfseq.runs.run_directory import RunDirectory
from tfseq.tasks.labelled.examples import Examples
from tfseq.tasks.labelled.predictor import Predictor, mean_cross_entropy
from tfseq.tasks.prediction.spread import in_order, spread
from tfseq.tasks.starting.start import Start
from tfseq.tasks.task import Task, tokenizer_of
from tfseq.text import Tokenizer, Vocabulary

# Texts that are padded to the longest of them.
_ROWS_AT_ONCE = 128
# Examples that a worker is given at once.
_EXAMPLES_A_PART = 2048


class LabelledTask(Task):
    """A model that gives labels; see `Task`."""

    #: (data, options, task) -> `Examples`; with a trained task all of them are the test split.
    examples_type: ClassVar[Callable[..., Examples]]
    #: Where a run keeps its labels.
    labels_file: ClassVar[str]

    @staticmethod
    @abstractmethod
    def read_data(options: Any) -> Any:
        """The labelled data that the options name."""

    @staticmethod
    @abstractmethod
    def make_model(options: Any, vocabulary_size: int, num_labels: int) -> keras.Model:
        """The model that the options describe, with fresh weights."""

    @classmethod
    def build(cls, run: RunDirectory, options: Any) -> Self:
        vocabulary, labels = Vocabulary.load(run.vocabulary), run.read_list(cls.labels_file)
        tokenizer = tokenizer_of(options, run) if hasattr(options, "tokenizer") else None
        return cls.of_parts(run, options, vocabulary, labels, tokenizer)

    @classmethod
    def of_parts(
        cls,
        run: RunDirectory,
        options: Any,
        vocabulary: Vocabulary,
        labels: Sequence[str],
        tokenizer: Tokenizer | None = None,
    ) -> Self:
        """A task with fresh weights."""
        model = cls.make_model(options, len(vocabulary), len(labels))
        return cls(run, options, model, tokenizer, vocabulary, labels)

    def load_weights(self, path: Path) -> None:
        with h5py.File(path) as file:
            old = _weights_of_old_layout(file) if "encoder" in file else None
        if old is None:
            super().load_weights(path)
        else:
            self.model.set_weights(old)

    @abstractmethod
    def make_signatures(self, settings: Any) -> tf.Module:
        """What the export answers with."""

    def evaluate(
        self, path: str | os.PathLike | None = None, where: Where = HERE
    ) -> dict[str, Any]:
        """Measure the model on labelled examples.

        Args:
            path: a file as `data` names one, all of it; None takes the test split of the run's own.
            where: see `Where`; workers share the examples.

        Returns:
            `loss` in nats, `accuracy`, the F1 that fits the labels, `f1` of each label, and the
            number of targets.

        Raises:
            InputError: the file cannot be read or has an unknown label, or the run's own has
                changed since.
        """
        where.check()
        options = self.options
        if path is None:
            began = Start()
            began.known, began.run = self.vocabulary.tokens[1:], self.run
            examples = self.examples_type(self.read_data(options), options, start=began)
            self.run.check_fingerprint(examples.fingerprint, "the data")
        else:
            data = self.read_data(dataclasses.replace(options, data=os.fspath(path)))
            examples = self.examples_type(data, options, self)
        split = examples.ids["test"]
        logits = self._logits(split.ids, where)
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

    def usual_settings(self) -> dict[str, Any]:
        return {"max_length": self.options.max_length}

    def answer_rows(
        self, answer: Callable[[Sequence], Mapping[str, tf.Tensor]], rows: Sequence, *names: str
    ) -> list[tuple]:
        """What a signature answers for each of many rows, a bounded number at once.

        It warns once of rows that are not read whole.

        Args:
            answer: rows -> the outputs of the signature.
            rows: the rows.
            names: the outputs that are wanted.
        """
        found, warning = [], b""
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = {n: v.numpy() for n, v in answer(rows[start : start + _ROWS_AT_ONCE]).items()}
            found += zip(*(part[name] for name in names), strict=True)
            warning = warning or next(filter(None, part["warning"]), b"")
        if warning:
            warnings.warn(warning.decode().strip(), stacklevel=3)
        return found

    def _logits(self, ids: tf.RaggedTensor, where: Where) -> np.ndarray:
        """What `Predictor` makes of ids, also where a cluster does it."""
        if where.cluster is None:
            return self.predictor(ids)
        parts = (ids[i : i + _EXAMPLES_A_PART] for i in range(0, ids.nrows(), _EXAMPLES_A_PART))
        with spread(self, where) as doers:
            values = ((part.values.numpy(), part.row_splits.numpy()) for part in parts)
            return np.concatenate(in_order(doers, _logits_of_part, values))

    @cached_property
    def predictor(self) -> Predictor:
        """The `Predictor` of the model."""
        return Predictor(self.model)

    @cached_property
    def _signatures(self) -> tf.Module:
        settings = self.settings_type(**self.usual_settings())
        return self.make_signatures(settings)


def _logits_of_part(task: LabelledTask, ids: np.ndarray, row_splits: np.ndarray) -> np.ndarray:
    return task.predictor(tf.RaggedTensor.from_row_splits(ids, row_splits))


def _weights_of_old_layout(file: h5py.File) -> list[np.ndarray]:
    """The weights, in the model's order, of a file whose `encoder` is a layer of its own.

    So earlier versions wrote it.
    """
    stack = file["encoder/stack/rnns"]
    # rnn, rnn_1, ..., rnn_10
    cells = [stack[name]["cell"] for name in sorted(stack, key=lambda name: (len(name), name))]
    output = file["classify"] if "classify" in file else file["layers/dense"]
    layers = [file["encoder/embedding"], *cells, output]
    return [layer["vars"][name][()] for layer in layers for name in sorted(layer["vars"])]
