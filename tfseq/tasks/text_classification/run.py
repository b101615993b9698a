"""A run of a text classifier, from labelled texts to figures beside simpler models."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.data.labelled.labelled_texts import read_labelled_texts, split_examples
from tfseq.data.labelled.letter_names import letter_names
from tfseq.data.text_ids import text_ids
from tfseq.errors import InputError
from tfseq.metrics.classification import accuracy, confusion_matrix, f1_scores, macro_f1
from tfseq.models import BagOfWords, TextClassifier
from tfseq.options.saving import normalized
from tfseq.report import Report
from tfseq.report.confusion_picture import CONFUSION_PICTURE, save_confusion_matrix
from tfseq.report.curve import Panel
from tfseq.tasks.supervised.predictor import Predictor, mean_cross_entropy
from tfseq.tasks.supervised.report_supervised import supervised_report
from tfseq.tasks.supervised.sequence_task import (
    LabelledIds,
    fingerprint,
    fit_quietly,
    sequence_task,
)
from tfseq.tasks.supervised.supervised_options import SupervisedOptions
from tfseq.tasks.supervised.supervised_run import LOSS, SupervisedRun
from tfseq.tasks.supervised.supervised_trainer import SupervisedTask
from tfseq.tasks.supervised.vocabulary_check import check_tells_apart
from tfseq.tasks.text_classification.options import TextClassifierOptions
from tfseq.text import Tokenizer, Vocabulary, WordTokenizer, count_tokens, make_tokenizer

ACCURACY = Panel("accuracy", None, "validation_accuracy", best=max)
_BASELINE = SupervisedOptions(epochs=30, learning_rate=0.02, patience=2, clip_norm=None)


class TextClassifierRun(SupervisedRun):
    """A `SupervisedRun` of a `TextClassifier` on texts with a label each.

    The texts are split at random into a part to train on, one that chooses the best epoch, and
    one that the figures are of. Beside the model stand the most frequent label, and logistic
    regression on the counts of words and, where the tokens are others, of tokens.

    Attributes:
        data: the `LabelledTexts`.
        labels: the labels, in order.
        tokenizer, vocabulary: the way from text to ids.
        parts: `train`, `validation` and `test`, the numbers of their texts.

    Args:
        options: the options.
        log: where messages go, one line each.
    """

    def __init__(self, options: TextClassifierOptions, log: Callable[[str], None] = print):
        options = normalized(options)
        self.data = (
            letter_names()
            if options.data is None
            else read_labelled_texts(options.data, options.text_field, options.label_field)
        )
        super().__init__(
            options.with_defaults_filled(),
            f"{self.data.name}_{options.cell}",
            self._prepare,
            panels=(LOSS, ACCURACY),
            free=frozenset({"data"}),
            log=log,
        )

    def summary(self) -> str:
        """The texts, the model and the place of the run, a line each, and notes on the texts."""
        sizes = {name: len(part) for name, part in self.parts.items()}
        return (
            f"texts  {self.data.name}: {sizes['train']:,} to train on, "
            f"{sizes['validation']:,} to validate, {sizes['test']:,} to test; "
            f"{len(self.labels)} labels, {len(self.vocabulary):,} symbols\n"
            f"model  bidirectional {self.options.cell.upper()}, {self.options.units} units each "
            f"way: {self.model.count_params():,} parameters\n"
            f"run    {self.directory.path}\n"
            + "".join(f"note   {note}\n" for note in self.data.notes)
        )

    def result(self, metrics: dict[str, Any]) -> str:
        """The figures on the texts that were set apart, beside the baselines'."""
        rows = [(self._model_name, metrics["test_accuracy"], metrics["test_macro_f1"])]
        rows += [(n, b["accuracy"], b["macro_f1"]) for n, b in metrics["baselines"].items()]
        width = max(len(name) for name, *_ in rows)
        lines = [f"{'on ' + format(len(self.parts['test']), ',') + ' texts':<{width}}"]
        lines[0] += "  accuracy  macro F1"
        lines += [f"{name:<{width}}  {a:8.3f}  {f:8.3f}" for name, a, f in rows]
        return "\n".join(lines)

    def test_confusion(self) -> np.ndarray:
        """Counts of label and guess on the texts that were set apart."""
        return self._confusion(self._predict(self._ids["test"].ids), "test")

    @property
    def _model_name(self) -> str:
        return f"bidirectional {self.options.cell.upper()}"

    def _prepare(self, options: TextClassifierOptions) -> SupervisedTask:
        data = self.data
        self.labels = tuple(sorted(set(data.labels)))
        if len(self.labels) < 2:
            raise InputError(f"All texts of {data.name} have the label {self.labels[0]!r}.")
        names = ("train", "validation", "test")
        numbers = split_examples(
            len(data.texts), options.validation_fraction, options.test_fraction, options.seed
        )
        self.parts = dict(zip(names, numbers, strict=True))
        self.tokenizer = make_tokenizer(
            {
                "kind": options.tokenizer,
                "normalization": options.normalization,
                "case_fold": options.case_fold,
            }
        )
        self.vocabulary = self._count(self.tokenizer, options)
        self._ids = self._encode(self.tokenizer, self.vocabulary, options)
        model = TextClassifier(
            len(self.vocabulary),
            len(self.labels),
            cell=options.cell,
            units=options.units,
            num_layers=options.num_layers,
            dropout=options.dropout,
            embedding_size=options.embedding_size,
        )
        self._predict = Predictor(model)
        return sequence_task(
            model,
            self._ids["train"],
            options,
            lambda: self._figures(self._predict),
            fingerprint=fingerprint(data.texts, data.labels),
            evaluate=self._evaluate,
            vocabulary=self.vocabulary,
            files={"labels.json": (json.dumps(self.labels, indent=1) + "\n").encode()},
        )

    def _count(self, tokenizer: Tokenizer, options: TextClassifierOptions) -> Vocabulary:
        texts = [self.data.texts[i] for i in self.parts["train"]]
        vocabulary = Vocabulary.build(
            count_tokens(texts, tokenizer), options.min_frequency, options.max_vocabulary
        )
        check_tells_apart(vocabulary)
        return vocabulary

    def _encode(self, tokenizer, vocabulary, options) -> dict[str, LabelledIds]:
        numbers = {label: i for i, label in enumerate(self.labels)}
        parts = {}
        for name, chosen in self.parts.items():
            texts = tf.constant([self.data.texts[i] for i in chosen])
            targets = [numbers[self.data.labels[i]] for i in chosen]
            ids = text_ids(texts, tokenizer, vocabulary, options.max_length)
            parts[name] = LabelledIds(ids, tf.constant(targets, tf.int32))
        return parts

    def _figures(self, predict: Predictor, ids=None) -> dict[str, float]:
        part = (ids or self._ids)["validation"]
        logits = predict(part.ids)
        confusion = self._confusion(logits, "validation")
        return {
            "validation_loss": mean_cross_entropy(logits, part.flat_targets),
            "validation_accuracy": accuracy(confusion),
            "validation_macro_f1": macro_f1(confusion),
        }

    def _confusion(self, logits: np.ndarray, part: str) -> np.ndarray:
        targets = self._ids[part].flat_targets
        return confusion_matrix(targets, logits.argmax(axis=1), len(self.labels))

    def _evaluate(self) -> dict[str, Any]:
        confusion = self.test_confusion()
        scores = f1_scores(confusion)
        return {
            "texts": len(self.data.texts),
            **{f"{name}_texts": len(part) for name, part in self.parts.items()},
            "num_labels": len(self.labels),
            "vocabulary_size": len(self.vocabulary),
            "test_accuracy": accuracy(confusion),
            "test_macro_f1": macro_f1(confusion),
            "test_f1": dict(zip(self.labels, map(float, scores), strict=True)),
            "baselines": self._baselines(),
        }

    def _baselines(self) -> dict[str, dict[str, float]]:
        test = self._ids["test"].flat_targets
        frequent = np.bincount(self._ids["train"].flat_targets).argmax()
        guesses = {"most frequent label": np.full_like(test, frequent)}
        bags = {"bag of words": WordTokenizer()}
        if self.options.tokenizer == "char":
            bags["bag of characters"] = self.tokenizer
        for name, tokenizer in bags.items():
            guesses[name] = self._bag(tokenizer).argmax(axis=1)
        figures = {}
        for name, guess in guesses.items():
            confusion = confusion_matrix(test, guess, len(self.labels))
            figures[name] = {"accuracy": accuracy(confusion), "macro_f1": macro_f1(confusion)}
        return figures

    def _bag(self, tokenizer: Tokenizer) -> np.ndarray:
        """Logits of logistic regression on the test part."""
        vocabulary = self._count(tokenizer, self.options)
        ids = self._encode(tokenizer, vocabulary, self.options)
        model = BagOfWords(len(vocabulary), len(self.labels))
        predict = Predictor(model)
        task = sequence_task(
            model,
            ids["train"],
            _BASELINE,
            lambda: self._figures(predict, ids),
            fingerprint="",
        )
        fit_quietly(task, _BASELINE)
        return predict(ids["test"].ids)

    def _draw(self) -> None:
        super()._draw()
        if self.trainer.finished:
            path = self.directory.path / CONFUSION_PICTURE
            title = f"{self.directory.name}: {self.parts['test'].size:,} texts set apart"
            save_confusion_matrix(self.test_confusion(), self.labels, path, title)

    def write_report(self, metrics: dict[str, Any]) -> Path:
        """Write `report.html`, after `fit`, and return its path."""
        logits = self._predict(self._ids["test"].ids)
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        examples = [
            (self.data.texts[i], self.data.labels[i], self.labels[score.argmax()], score.max())
            for i, score in zip(self.parts["test"], scores, strict=True)
        ]
        report = supervised_report(
            self,
            metrics,
            figures={"accuracy": "accuracy", "macro_f1": "macro F1"},
            own_name=self._model_name,
            part=f"{len(self.parts['test']):,} texts that were set apart",
            confusion=self._confusion(logits, "test"),
            labels=self.labels,
            add_examples=lambda report: _add_examples(report, examples),
        )
        return self._keep_report(report)


def _add_examples(report: Report, examples: Sequence[tuple[str, str, str, float]]) -> None:
    columns = ["text", "label", "guess", "probability"]
    for right, caption in ((True, "Right, the least sure first"), (False, "Wrong, the surest")):
        chosen = [e for e in examples if (e[1] == e[2]) == right]
        chosen = sorted(chosen, key=lambda e: e[3] if right else -e[3])[:12]
        if chosen:
            rows = [[shortened(e[0]), *e[1:3], float(e[3])] for e in chosen]
            report.table(columns, rows, caption=caption)


def shortened(text: str, length: int = 160) -> str:
    """The beginning of a text, with a sign where it was cut.

    >>> shortened("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= length else text[: length - 1] + "…"
