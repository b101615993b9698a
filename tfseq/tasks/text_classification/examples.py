"""Labelled texts as a trainer takes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import tensorflow as tf

from tfseq.data.labelled.labelled_texts import LabelledTexts
from tfseq.data.text_ids import text_ids
from tfseq.errors import InputError
from tfseq.metrics.classification import accuracy, confusion_matrix, macro_f1
from tfseq.models import BagOfWords
from tfseq.options.training_options import TrainingOptions
from tfseq.report import Report
from tfseq.runs.run_directory import RunDirectory
from tfseq.tasks.fit_quietly import fit_quietly
from tfseq.tasks.labelled.examples import check_labels, numbered_splits
from tfseq.tasks.labelled.objective import (
    LabelledIds,
    fingerprint,
    labelled_objective,
)
from tfseq.tasks.labelled.predictor import Predictor, mean_cross_entropy
from tfseq.tasks.starting.start import NO_START, Start
from tfseq.tasks.subwords import tokenizer_to_train
from tfseq.tasks.text_classification.options import TextClassificationOptions
from tfseq.tasks.vocabulary_check import check_tells_apart
from tfseq.text import Corpus, Tokenizer, Vocabulary, WordTokenizer, count_tokens
from tfseq.text.tokenizers.subword_tokenizer import build_vocabulary

if TYPE_CHECKING:
    from tfseq.tasks.text_classification.task import TextClassificationTask


_BASELINE = TrainingOptions(epochs=30, learning_rate=0.02, patience=2, clip_norm=None)


class TextExamples:
    """Labelled texts as `tfseq.tasks.labelled.examples.Examples`.

    Beside the model stand the most frequent label, and logistic regression on the counts of words
    and, where the tokens are characters, of characters.
    """

    unit = "text"
    scores: ClassVar[dict[str, str]] = {"accuracy": "accuracy", "macro_f1": "macro F1"}

    def __init__(
        self,
        data: LabelledTexts,
        options: TextClassificationOptions,
        task: "TextClassificationTask | None" = None,
        start: Start = NO_START,
    ):
        """Args: the texts; the options; a trained task, of which all of them are the test split;
        what the model starts from."""
        self.data, self.options = data, options
        self.name, self.notes = data.name, data.notes
        self.fingerprint = fingerprint(data.texts, data.labels)
        if task is not None:
            self.labels, self.tokenizer, self.vocabulary = (
                task.labels,
                task.tokenizer,
                task.vocabulary,
            )
            check_labels(set(data.labels), self.labels, data.name)
            self.splits = {"test": np.arange(len(data.texts))}
        else:
            self.labels = tuple(sorted(set(data.labels)))
            if len(self.labels) < 2:
                raise InputError(f"All texts of {data.name} have the label {self.labels[0]!r}.")
            self.splits = numbered_splits(len(data.texts), options)
            self.tokenizer = self._tokenizer(start)
            self.vocabulary = self._count(self.tokenizer, start.known)
        self.ids = self._encode(self.tokenizer, self.vocabulary)

    def score(self, predictions: np.ndarray, ids: LabelledIds) -> dict[str, float]:
        """Accuracy and macro F1."""
        confusion = confusion_matrix(ids.flat_targets, predictions, len(self.labels))
        return {"accuracy": accuracy(confusion), "macro_f1": macro_f1(confusion)}

    def more_metrics(self, predictions: np.ndarray) -> dict[str, Any]:
        """None."""
        return {}

    def baselines(self) -> dict[str, dict[str, float]]:
        """The most frequent label, and logistic regression on counts."""
        frequent = np.bincount(self.ids["train"].flat_targets).argmax()
        predictions = {"most frequent label": np.full(len(self.splits["test"]), frequent)}
        bags: dict[str, Tokenizer] = {"bag of words": WordTokenizer()}
        if self.options.tokenizer == "char":
            bags["bag of characters"] = self.tokenizer
        for name, tokenizer in bags.items():
            predictions[name] = self._bag(tokenizer).argmax(axis=1)
        return {name: self.score(of, self.ids["test"]) for name, of in predictions.items()}

    def add_to_report(self, report: Report, logits: np.ndarray) -> None:
        """The texts that the model was least sure of, and those that it was surest of wrongly."""
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        examples = [
            (self.data.texts[i], self.data.labels[i], self.labels[score.argmax()], score.max())
            for i, score in zip(self.splits["test"], scores, strict=True)
        ]
        _add_texts(report, examples)

    def _tokenizer(self, start: Start) -> Tokenizer:
        def training_text() -> Corpus:
            return Corpus(self.name, lambda: ([self.data.texts[i]] for i in self.splits["train"]))

        run = RunDirectory(Path(self.options.run_dir))
        return tokenizer_to_train(self.options, run, training_text, start.run)

    def _count(self, tokenizer: Tokenizer, known: Sequence[str] = ()) -> Vocabulary:
        options = self.options
        texts = [self.data.texts[i] for i in self.splits["train"]]
        vocabulary = build_vocabulary(
            tokenizer,
            count_tokens(texts, tokenizer),
            min_frequency=options.min_frequency,
            max_size=options.max_vocabulary,
            reserved_tokens=known,
        )
        check_tells_apart(vocabulary)
        return vocabulary

    def _encode(self, tokenizer: Tokenizer, vocabulary: Vocabulary) -> dict[str, LabelledIds]:
        numbers = {label: i for i, label in enumerate(self.labels)}
        return {
            name: LabelledIds(
                text_ids(
                    tf.constant([self.data.texts[i] for i in split]),
                    tokenizer,
                    vocabulary,
                    self.options.max_length,
                ),
                tf.constant([numbers[self.data.labels[i]] for i in split], tf.int32),
            )
            for name, split in self.splits.items()
        }

    def _bag(self, tokenizer: Tokenizer) -> np.ndarray:
        """Logits of logistic regression on the test split."""
        vocabulary = self._count(tokenizer)
        ids = self._encode(tokenizer, vocabulary)
        model = BagOfWords(len(vocabulary), len(self.labels))
        predict, split = Predictor(model), ids["validation"]

        def validate():
            return {"validation_loss": mean_cross_entropy(predict(split.ids), split.flat_targets)}

        fit_quietly(labelled_objective(model, ids["train"], _BASELINE, validate), _BASELINE)
        return predict(ids["test"].ids)


def _add_texts(report: Report, examples: Sequence[tuple[str, str, str, float]]) -> None:
    columns = ["text", "label", "prediction", "probability"]
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
