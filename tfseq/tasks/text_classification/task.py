"""A trained text classifier, with its tokenizer, vocabulary and labels."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import tensorflow as tf

from tfseq.data.labelled.labelled_texts import LabelledTexts, read_labelled_texts
from tfseq.data.labelled.letter_names import letter_names
from tfseq.files.text_bytes import text_bytes
from tfseq.models import TextClassifier
from tfseq.serving import TextClassifierSettings, export_text_classifier
from tfseq.serving.signatures.text_classification import TextClassifierSignatures
from tfseq.tasks.labelled.task import LabelledTask
from tfseq.tasks.task import texts_of
from tfseq.tasks.text_classification.examples import TextExamples
from tfseq.tasks.text_classification.options import TextClassificationOptions
from tfseq.text import Tokenizer, Vocabulary

Text = str | bytes


class TextClassificationTask(LabelledTask):
    """A text classifier to label texts with; see `Task`.

    Example:

    >>> import tempfile, tfseq
    >>> from pathlib import Path
    >>> rows = ["spam,buy cheap pills", "ham,see you at lunch"] * 20
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = Path(place, "mail.csv").write_text("\\n".join(["label,text", *rows]))
    ...     options = tfseq.TextClassificationOptions(
    ...         data=f"{place}/mail.csv", run_dir=f"{place}/mail", epochs=4, units=8,
    ...         learning_rate=0.03, export=False, verbose="quiet",
    ...     )
    ...     task = tfseq.train(options, log=lambda line: None)
    >>> [label for label, probability in task.predict("cheap pills")]
    ['spam', 'ham']
    >>> [row[0][0] for row in task.predict(["lunch at noon?", "buy it"])]
    ['ham', 'spam']
    """

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
    def predict(self, texts: Text) -> list[tuple[str, float]]: ...

    @overload
    def predict(self, texts: Sequence[Text]) -> list[list[tuple[str, float]]]: ...

    def predict(
        self, texts: Text | Sequence[Text]
    ) -> list[tuple[str, float]] | list[list[tuple[str, float]]]:
        """The labels of one text or several, the most probable first, as the export gives them.

        It warns where a text is longer than is read. Invalid UTF-8 is read as U+FFFD.

        Returns:
            For each text, a list of `(label, probability)`; the class has an example.

        Raises:
            TypeError: a text is neither str nor bytes.
        """
        single = isinstance(texts, str | bytes)
        given = [text_bytes(text) for text in ([texts] if single else texts)]
        answer = self._signatures.serving_default
        rows = self.answer_rows(lambda part: answer(tf.constant(part)), given, "labels", "scores")
        found = [
            [(label.decode(), float(score)) for label, score in zip(*row, strict=True)]
            for row in rows
        ]
        return found[0] if single else found

    def predict_rows(self, inputs: Sequence[Any], first_row: int = 0) -> list[dict[str, Any]]:
        """For each text its most probable `label`, the `score` of that, and the best `scores`."""
        return [
            {"label": labels[0][0], "score": labels[0][1], "scores": dict(labels)}
            for labels in self.predict(texts_of(inputs))
        ]

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
