"""A text classifier as a SavedModel: strings in, labels and scores out."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Unpack

import tensorflow as tf

from tfseq.data.text_ids import text_ids
from tfseq.generation.ranking import best_probabilities
from tfseq.models import TextClassifier
from tfseq.serving.export import Publishing, asset_tables, check_size, describe_parts, export_module
from tfseq.serving.signatures.clamping import keep_first_bytes, sentences
from tfseq.serving.signatures.in_graph import check_in_graph
from tfseq.serving.signatures.settings import TextClassifierSettings
from tfseq.serving.signatures.signatures import Signatures
from tfseq.text import Tokenizer, Vocabulary, VocabularyTables
from tfseq.text.tokenizers.make_tokenizer import as_tokenizer


def export_text_classifier(
    model: TextClassifier,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    labels: Sequence[str],
    directory: str | os.PathLike,
    *,
    settings: TextClassifierSettings | None = None,
    **publishing: Unpack[Publishing],
) -> Path:
    """Write `<directory>/<version>/`, a SavedModel that takes texts and returns labels.

    Its signature `serving_default` takes `text` string [B] and returns

    - `labels` string [B, L], the L most probable labels, the best first; L is the number of
      labels, at most `settings.num_labels`;
    - `scores` float [B, L], their probabilities;
    - `warning` string [B], which says where a text was too long to be read whole, else empty.

    A row's answer does not depend on the rows beside it. It is written, warmed up and published
    as `export_language_model` does it.

    Args:
        model, vocabulary, labels: a classifier, the vocabulary of its ids, its labels in their
            order.
        tokenizer: as for `export_language_model`; `tokenize` is all that is needed.
        settings: caps; None takes the usual ones.

    Other arguments, what is returned and raised: as for `export_language_model`.

    Example:
        >>> import tempfile, tfseq
        >>> vocabulary = tfseq.Vocabulary(["good", "bad"])
        >>> model = TextClassifier(len(vocabulary), num_labels=2, units=4)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = export_text_classifier(
        ...         model, tfseq.WordTokenizer(), vocabulary, ["no", "yes"], directory
        ...     )
        ...     print(path.name, sorted(child.name for child in path.iterdir()))
        1 ['assets', 'assets.extra', 'fingerprint.pb', 'saved_model.pb', 'variables']
    """
    settings = settings or TextClassifierSettings()
    check_size("vocabulary", vocabulary, model.vocabulary_size)
    check_size("labels", labels, model.num_labels)
    tokenizer = as_tokenizer(tokenizer)
    check_in_graph(tokenizer, "tokenize")
    num_labels = min(settings.num_labels, len(labels))
    settings = dataclasses.replace(settings, num_labels=num_labels)
    return export_module(
        lambda assets: TextClassifierSignatures(
            model, tokenizer, asset_tables(vocabulary, assets), labels, settings
        ),
        directory,
        card={**describe_parts(model, settings, tokenizer, vocabulary), "labels": list(labels)},
        examples={"text": " ".join(vocabulary.tokens[1:5])},
        max_batch_size=settings.max_batch_size,
        **publishing,
    )


class TextClassifierSignatures(Signatures):
    """The one signature of a text classifier."""

    inputs: ClassVar = {"serving_default": (tf.TensorSpec([None], tf.string, "text"),)}

    def __init__(
        self,
        model: TextClassifier,
        tokenizer: Tokenizer,
        tables: VocabularyTables,
        labels: Sequence[str],
        settings: TextClassifierSettings,
    ):
        super().__init__(model, tables, tokenizer)
        self._model = model
        self._tokenizer = tokenizer
        self._labels = tuple(labels)
        self._settings = settings

    def serving_default(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """The labels of each text with their probabilities, the most probable first."""
        settings = self._settings
        read, cut = keep_first_bytes(text, settings.max_text_bytes)
        # One token more than is read tells that there were more.
        ids = text_ids(read, self._tokenizer, self.tables, settings.max_length + 1)
        longer = ids.row_lengths() > settings.max_length
        logits = self._model(ids.to_tensor(-1)[:, : settings.max_length], training=False)
        scores, order = best_probabilities(logits, settings.num_labels)
        warning = tf.where(
            cut | longer,
            f"Of `text` the first {settings.max_length} tokens only were read, and at most "
            f"{settings.max_text_bytes} bytes. ",
            "",
        )
        return {
            "labels": tf.gather(tf.constant(self._labels), order),
            "scores": scores,
            "warning": sentences([warning]),
        }
