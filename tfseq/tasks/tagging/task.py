"""A trained tagger, with its vocabulary and tags."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import tensorflow as tf

from tfseq.data.labelled.code_names import code_names
from tfseq.data.labelled.labelled_sentences import LabelledSentences, read_conll
from tfseq.models import Tagger
from tfseq.serving import TaggerSettings, export_tagger
from tfseq.serving.signatures.tagging import TaggerSignatures
from tfseq.tasks.labelled.task import LabelledTask
from tfseq.tasks.tagging.examples import SentenceExamples
from tfseq.tasks.tagging.options import TaggingOptions
from tfseq.text import Vocabulary


class TaggedSentence(NamedTuple):
    """The tokens of a sentence, the most probable tag of each, and its probability."""

    tokens: list[str]
    tags: list[str]
    scores: list[float]


class TaggingTask(LabelledTask):
    """A tagger to tag sentences with; see `Task`. `labels` are its tags."""

    options_type = TaggingOptions
    settings_type = TaggerSettings
    examples_type = SentenceExamples
    labels_file = "tags.json"
    options: TaggingOptions
    model: Tagger
    vocabulary: Vocabulary
    labels: Sequence[str]

    @overload
    def predict(self, sentences: str) -> TaggedSentence: ...

    @overload
    def predict(self, sentences: Sequence[str | Sequence[str]]) -> list[TaggedSentence]: ...

    def predict(
        self, sentences: str | Sequence[str | Sequence[str]]
    ) -> TaggedSentence | list[TaggedSentence]:
        """Tag one sentence or several, as the export does.

        Args:
            sentences: a text, whose tokens are separated by white space, or a list of texts or of
                lists of tokens.
        """
        given = [sentences] if isinstance(sentences, str) else list(sentences)
        if not given:
            return []
        rows = [
            tf.strings.split(s) if isinstance(s, str) else tf.constant(s, tf.string) for s in given
        ]
        tokens = tf.ragged.stack(rows)
        answer = self._signatures.tag_tokens(
            tokens.to_tensor(""), tf.cast(tokens.row_lengths(), tf.int32)
        )
        found = [
            TaggedSentence(
                [token.decode() for token in tokens[:length]],
                [tag.decode() for tag in tags[:length]],
                [float(score) for score in scores[:length]],
            )
            for tokens, tags, scores, length in zip(
                *(answer[name].numpy() for name in ("tokens", "tags", "scores", "num_tokens")),
                strict=True,
            )
        ]
        return found[0] if isinstance(sentences, str) else found

    @staticmethod
    def read_data(options: TaggingOptions) -> LabelledSentences:
        if options.data is None:
            return code_names()
        return read_conll(options.data, options.token_column, options.tag_column)

    @staticmethod
    def make_model(options: TaggingOptions, vocabulary_size: int, num_labels: int) -> Tagger:
        return Tagger(vocabulary_size, num_labels, **options.encoder())

    def write_export(self, directory: str | os.PathLike, **more: Any) -> Path:
        return export_tagger(self.model, self.vocabulary, self.labels, directory, **more)

    def make_signatures(self, settings: TaggerSettings) -> TaggerSignatures:
        return TaggerSignatures(self.model, self.vocabulary.tables(), self.labels, settings)
