"""The signature of an exported text classifier: strings in, labels and scores out."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfseq.data.text_ids import text_ids
from tfseq.generation.ranking import best_probabilities
from tfseq.models import TextClassifier
from tfseq.serving.signatures.bounds import checked, keep_first_bytes, sentences
from tfseq.text import Tokenizer, VocabularyTables


class TextClassifierSignatures(tf.Module):
    """What is saved: the weights, the lookup tables and one function.

    Nothing in it fails for what one row holds, and no row changes the answer to another: a server
    answers a whole batch of different people's requests at once.

    Args:
        model: the classifier.
        tokenizer: the tokenizer of its texts.
        tables: the lookup tables of its vocabulary, over an asset file.
        labels: the labels, in the model's order.
        settings: a `TextClassifierSettings`.
    """

    def __init__(
        self,
        model: TextClassifier,
        tokenizer: Tokenizer,
        tables: VocabularyTables,
        labels: Sequence[str],
        settings: Any,
    ):
        super().__init__(name="text_classifier")
        self._model = model
        self._tokenizer = tokenizer
        self._labels = tuple(labels)
        self._settings = settings
        # TensorFlow Serving's loader finds only what is tracked here, and plain variables only.
        self.weights = [weight.value for weight in model.weights]
        self.tables = tables

    def signatures(self) -> dict[str, Callable]:
        """Signature name -> function from its named inputs to a dict of outputs."""
        specs = (tf.TensorSpec([None], tf.string, "text"),)
        return {
            "serving_default": tf.function(
                checked(self.serving_default, specs), input_signature=specs, autograph=False
            )
        }

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
