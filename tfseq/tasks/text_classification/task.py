"""A trained text classifier, with its tokenizer, vocabulary and labels."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import tensorflow as tf

from tfseq.data.labelled.labelled_texts import LabelledTexts, read_labelled_texts
from tfseq.data.labelled.letter_names import letter_names
from tfseq.models import TextClassifier
from tfseq.serving import TextClassifierSettings, export_text_classifier
from tfseq.serving.signatures.text_classification import TextClassifierSignatures
from tfseq.tasks.labelled.task import LabelledTask
from tfseq.tasks.text_classification.examples import TextExamples
from tfseq.tasks.text_classification.options import TextClassificationOptions
from tfseq.text import Tokenizer, Vocabulary


class TextClassificationTask(LabelledTask):
    """A text classifier to label texts with; see `Task`."""

    options_type = TextClassificationOptions
    settings_type = TextClassifierSettings
    examples_type = TextExamples
    labels_file = "labels.json"
    options: TextClassificationOptions
    model: TextClassifier
    tokenizer: Tokenizer
    vocabulary: Vocabulary
    labels: Sequence[str]

    @overload
    def predict(self, texts: str) -> list[tuple[str, float]]: ...

    @overload
    def predict(self, texts: Sequence[str]) -> list[list[tuple[str, float]]]: ...

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

    @staticmethod
    def read_data(options: TextClassificationOptions) -> LabelledTexts:
        if options.data is None:
            return letter_names()
        return read_labelled_texts(options.data, options.text_field, options.label_field)

    @staticmethod
    def make_model(
        options: TextClassificationOptions, vocabulary_size: int, num_labels: int
    ) -> TextClassifier:
        return TextClassifier(vocabulary_size, num_labels, **options.encoder())

    def usual_settings(self) -> dict[str, Any]:
        most = min(TextClassifierSettings.num_labels, len(self.labels))
        return {**super().usual_settings(), "num_labels": most}

    def write_export(self, directory: str | os.PathLike, **more: Any) -> Path:
        return export_text_classifier(
            self.model, self.tokenizer, self.vocabulary, self.labels, directory, **more
        )

    def make_signatures(self, settings: TextClassifierSettings) -> TextClassifierSignatures:
        tables = self.vocabulary.tables()
        return TextClassifierSignatures(self.model, self.tokenizer, tables, self.labels, settings)
