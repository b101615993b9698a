"""A tagger as a SavedModel: strings or tokens in, tags out."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Unpack

import tensorflow as tf

from tfseq.generation.ranking import best_probabilities
from tfseq.models import Tagger
from tfseq.serving.export import Publishing, asset_tables, check_size, describe_parts, export_module
from tfseq.serving.signatures.clamping import keep_first_bytes, sentences
from tfseq.serving.signatures.settings import TaggerSettings
from tfseq.serving.signatures.signatures import Signatures
from tfseq.text import Vocabulary, VocabularyTables

_TEXT = tf.TensorSpec([None], tf.string, "text")
_TOKENS = (
    tf.TensorSpec([None, None], tf.string, "tokens"),
    tf.TensorSpec([None], tf.int32, "num_tokens"),
)


def export_tagger(
    model: Tagger,
    vocabulary: Vocabulary,
    tags: Sequence[str],
    directory: str | os.PathLike,
    *,
    settings: TaggerSettings | None = None,
    **publishing: Unpack[Publishing],
) -> Path:
    """Write `<directory>/<version>/`, a SavedModel that takes tokens and returns tags.

    `serving_default` takes `text` string [B], tokens separated by white space; `tag_tokens` takes
    `tokens` string [B, T], padded on the right, and `num_tokens` int32 [B]. Both return

    - `tokens` string [B, T'], what was read, padded with empty strings;
    - `tags` string [B, T'], the most probable tag of each, padded in the same way;
    - `scores` float [B, T'], their probabilities, padded with 0;
    - `num_tokens` int32 [B];
    - `warning` string [B], empty where there is nothing to say.

    A row's answer does not depend on the rows beside it. It is written, warmed up and published
    as `export_language_model` does it.

    Args:
        model, vocabulary, tags: a tagger, the vocabulary of its tokens, its tags in their order.
        settings: caps; None takes the usual ones.

    Other arguments, what is returned and raised: as for `export_language_model`.

    Example:
        >>> import tempfile, tfseq
        >>> vocabulary = tfseq.Vocabulary(["time", "flies"])
        >>> model = Tagger(len(vocabulary), num_tags=2, units=4)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = export_tagger(model, vocabulary, ["NOUN", "VERB"], directory)
        ...     print(path.name, sorted(child.name for child in path.iterdir()))
        1 ['assets', 'assets.extra', 'fingerprint.pb', 'saved_model.pb', 'variables']
    """
    settings = settings or TaggerSettings()
    check_size("vocabulary", vocabulary, model.vocabulary_size)
    check_size("tags", tags, model.num_tags)
    words = " ".join(vocabulary.tokens[1:5])
    return export_module(
        lambda assets: TaggerSignatures(model, asset_tables(vocabulary, assets), tags, settings),
        directory,
        card={**describe_parts(model, settings, vocabulary=vocabulary), "tags": list(tags)},
        examples={"text": words, "tokens": words, "num_tokens": 1},
        max_batch_size=settings.max_batch_size,
        **publishing,
    )


class TaggerSignatures(Signatures):
    """The two signatures of a tagger."""

    inputs: ClassVar = {"serving_default": (_TEXT,), "tag_tokens": _TOKENS}

    def __init__(
        self, model: Tagger, tables: VocabularyTables, tags: Sequence[str], settings: TaggerSettings
    ):
        super().__init__(model, tables)
        self._model = model
        self._tags = tuple(tags)
        self._settings = settings
        # One traced function, so that the loops are in the file once and not once a signature.
        self._tag = tf.function(
            self._answer, input_signature=_TOKENS, autograph=False
        ).get_concrete_function()

    def serving_default(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Tag texts whose tokens are separated by white space."""
        limit = self._settings.max_text_bytes
        text, cut = keep_first_bytes(text, limit)
        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
        tokens = tf.strings.split(text)
        lengths = tf.cast(tokens.row_lengths(), tf.int32)
        warning = tf.where(cut, f"Of `text` the first {limit} bytes only were read. ", "")
        return self._bounded(tokens.to_tensor(""), lengths, warning)

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
        return self._bounded(tokens, lengths, warning)

    def _bounded(self, tokens, lengths, warning) -> dict[str, tf.Tensor]:
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
