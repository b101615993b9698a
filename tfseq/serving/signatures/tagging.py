"""The signatures of an exported tagger: strings or tokens in, tags out."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfseq.generation.ranking import best_probabilities
from tfseq.models import Tagger
from tfseq.serving.signatures.bounds import checked, keep_first_bytes, sentences
from tfseq.text import VocabularyTables


class TaggerSignatures(tf.Module):
    """What is saved: the weights, the lookup tables and the two functions.

    Nothing in it fails for what one row holds, and no row changes the answer to another: a server
    answers a whole batch of different people's requests at once.

    Args:
        model: the tagger.
        tables: the lookup tables of its vocabulary, over an asset file.
        tags: the tags, in the model's order.
        settings: a `TaggerSettings`.
    """

    def __init__(self, model: Tagger, tables: VocabularyTables, tags: Sequence[str], settings: Any):
        super().__init__(name="tagger")
        self._model = model
        self._tags = tuple(tags)
        self._settings = settings
        # TensorFlow Serving's loader finds only what is tracked here, and plain variables only.
        self.weights = [weight.value for weight in model.weights]
        self.tables = tables
        # One traced function, so that the loops are in the file once and not once a signature.
        self._tag = tf.function(
            self._answer,
            input_signature=[
                tf.TensorSpec([None, None], tf.string, "tokens"),
                tf.TensorSpec([None], tf.int32, "num_tokens"),
            ],
            autograph=False,
        ).get_concrete_function()

    def signatures(self) -> dict[str, Callable]:
        """Signature name -> function from its named inputs to a dict of outputs."""
        inputs = {
            "serving_default": (tf.TensorSpec([None], tf.string, "text"),),
            "tag_tokens": (
                tf.TensorSpec([None, None], tf.string, "tokens"),
                tf.TensorSpec([None], tf.int32, "num_tokens"),
            ),
        }
        return {
            name: tf.function(
                checked(getattr(self, name), specs), input_signature=specs, autograph=False
            )
            for name, specs in inputs.items()
        }

    def serving_default(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Tag texts whose tokens are parted by white space."""
        limit = self._settings.max_text_bytes
        text, cut = keep_first_bytes(text, limit)
        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
        tokens = tf.strings.split(text)
        lengths = tf.cast(tokens.row_lengths(), tf.int32)
        warning = tf.where(cut, f"Of `text` the first {limit} bytes only were read. ", "")
        return self._with_warning(tokens.to_tensor(""), lengths, warning)

    def tag_tokens(self, tokens: tf.Tensor, num_tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """Tag rows of tokens, padded on the right."""
        # Different numbers of rows are an invalid argument, here and not further on; a single
        # number stands for all rows.
        num_tokens = tf.broadcast_to(num_tokens, tf.shape(tokens)[:1])
        lengths = tf.clip_by_value(num_tokens, 0, tf.shape(tokens)[1])
        tokens = tf.strings.unicode_transcode(tokens, "UTF-8", "UTF-8", errors="replace")
        warning = tf.where(
            lengths == num_tokens, "", "`num_tokens` must be from 0 to the tokens of a row. "
        )
        return self._with_warning(tokens, lengths, warning)

    def _with_warning(self, tokens, lengths, warning) -> dict[str, tf.Tensor]:
        longest = self._settings.max_length
        cut = tf.where(lengths > longest, f"The first {longest} tokens only were tagged. ", "")
        lengths = tf.minimum(lengths, longest)
        answer = self._tag(tokens[:, :longest], lengths)
        return {**answer, "num_tokens": lengths, "warning": sentences([warning, cut])}

    def _answer(self, tokens: tf.Tensor, num_tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        real = tf.sequence_mask(num_tokens, tf.shape(tokens)[1])
        ids = tf.where(real, self.tables.token_to_id(tokens), -1)
        scores, best = best_probabilities(self._model(ids, training=False), 1)
        tags = tf.gather(tf.constant(self._tags), best[..., 0])
        return {
            "tokens": tf.where(real, tokens, ""),
            "tags": tf.where(real, tags, ""),
            "scores": tf.where(real, scores[..., 0], 0.0),
        }
