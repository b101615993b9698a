"""A trained text classifier, with its tokenizer, vocabulary and labels."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tensorflow as tf

from tfseq.data.labelled.labelled_texts import LabelledTexts, read_labelled_texts
from tfseq.data.labelled.letter_names import letter_names
from tfseq.models import TextClassifier
from tfseq.runs.run_directory import RunDirectory
from tfseq.serving import TextClassifierSettings, export_text_classifier
from tfseq.serving.signatures.text_classifier_signatures import TextClassifierSignatures
from tfseq.tasks.labelled.task import LabelledTask
from tfseq.tasks.task import tokenizer_of
from tfseq.tasks.text_classification.options import TextClassificationOptions
from tfseq.text import Vocabulary


class TextClassificationTask(LabelledTask):
    """A text classifier to label texts with; see `Task`."""

    options_type = TextClassificationOptions
    settings_type = TextClassifierSettings

    @classmethod
    def build(cls, run: RunDirectory, options: Any) -> "TextClassificationTask":
        vocabulary, labels = Vocabulary.load(run.vocabulary), run.read_list("labels.json")
        model = build_model(options, len(vocabulary), len(labels))
        return cls(run, options, model, tokenizer_of(options), vocabulary, labels)

    def predict(
        self, texts: str | Sequence[str]
    ) -> list[tuple[str, float]] | list[list[tuple[str, float]]]:
        """The labels of one text or several, the most probable first, as the export gives them.

        Returns:
            For each text, a list of `(label, probability)`.
        """
        given = [texts] if isinstance(texts, str) else list(texts)
        if not given:
            return []
        answer = self._signatures.serving_default(tf.constant(given))
        rows = zip(answer["labels"].numpy(), answer["scores"].numpy(), strict=True)
        found = [
            [(label.decode(), float(score)) for label, score in zip(*row, strict=True)]
            for row in rows
        ]
        return found[0] if isinstance(texts, str) else found

    def read_examples(self, path: str | os.PathLike | None):
        from tfseq.tasks.text_classification.training import TextExamples

        options = self.options
        if path is None:
            return TextExamples(read_texts(options), options)
        data = read_labelled_texts(path, options.text_field, options.label_field)
        return TextExamples(data, options, self)

    def usual_settings(self, given: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
        most = min(TextClassifierSettings.num_labels, len(self.labels))
        return {"max_length": self.options.max_length, "num_labels": most}

    def write_export(self, directory: str | os.PathLike, **more: Any) -> Path:
        return export_text_classifier(
            self.model, self.tokenizer, self.vocabulary, self.labels, directory, **more
        )

    def make_signatures(self, settings: TextClassifierSettings) -> TextClassifierSignatures:
        tables = self.vocabulary.tables()
        return TextClassifierSignatures(self.model, self.tokenizer, tables, self.labels, settings)


def read_texts(options: TextClassificationOptions) -> LabelledTexts:
    """The texts that the options name."""
    if options.data is None:
        return letter_names()
    return read_labelled_texts(options.data, options.text_field, options.label_field)


def build_model(
    options: TextClassificationOptions, vocabulary_size: int, num_labels: int
) -> TextClassifier:
    """The model that the options describe, with fresh weights."""
    return TextClassifier(vocabulary_size, num_labels, **options.encoder())
