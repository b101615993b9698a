"""A trained tagger, with its vocabulary and tags."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import tensorflow as tf

from tfseq.data.labelled.code_names import code_names
from tfseq.data.labelled.labelled_sentences import LabelledSentences, read_conll
from tfseq.errors import InputError
from tfseq.files.text_bytes import whole_text
from tfseq.models import Tagger
from tfseq.serving import TaggerSettings, export_tagger
from tfseq.serving.signatures.tagging import TaggerSignatures
from tfseq.tasks.labelled.task import LabelledTask
from tfseq.tasks.tagging.examples import SentenceExamples
from tfseq.tasks.tagging.options import TaggingOptions
from tfseq.text import Vocabulary

Text = str | bytes


class TaggedSentence(NamedTuple):
    """The tokens of a sentence, the most probable tag of each, and its probability."""

    tokens: list[str]
    tags: list[str]
    scores: list[float]


class TaggingTask(LabelledTask):
    """A tagger to tag sentences with; see `Task`. `labels` are its tags.

    Example:

    >>> import tempfile, tfseq
    >>> from pathlib import Path
    >>> sentences = "Anna B-PER\\nlives O\\nhere O\\n\\nBonn B-LOC\\nis O\\nold O\\n\\n" * 20
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = Path(place, "names.conll").write_text(sentences)
    ...     options = tfseq.TaggingOptions(
    ...         data=f"{place}/names.conll", run_dir=f"{place}/names", epochs=6, units=8,
    ...         learning_rate=0.03, export=False, verbose="quiet",
    ...     )
    ...     task = tfseq.train(options, log=lambda line: None)
    >>> found = task.predict("Anna lives here")
    >>> found.tokens, found.tags
    (['Anna', 'lives', 'here'], ['B-PER', 'O', 'O'])
    >>> [found.tags for found in task.predict([["Bonn", "is"], ["old"]])]
    [['B-LOC', 'O'], ['O']]
    """

    options_type = TaggingOptions
    settings_type = TaggerSettings
    examples_type = SentenceExamples
    labels_file = "tags.json"
    options: TaggingOptions
    model: Tagger
    vocabulary: Vocabulary
    labels: Sequence[str]

    @overload
    def predict(self, sentences: Text) -> TaggedSentence: ...

    @overload
    def predict(self, sentences: Sequence[Text | Sequence[Text]]) -> list[TaggedSentence]: ...

    def predict(
        self, sentences: Text | Sequence[Text | Sequence[Text]]
    ) -> TaggedSentence | list[TaggedSentence]:
        """Tag one sentence or several, as the export does.

        It warns where a sentence is longer than is tagged. Invalid UTF-8 is read as U+FFFD.

        Args:
            sentences: a text, whose tokens are separated by white space, or a list of texts or of
                lists of tokens; the class has an example.

        Raises:
            TypeError: a text or a token is neither str nor bytes.
        """
        single = isinstance(sentences, str | bytes)
        given = [_tokens(sentence) for sentence in ([sentences] if single else sentences)]
        names = ("tokens", "tags", "scores", "num_tokens")
        found = [
            TaggedSentence(
                [token.decode() for token in tokens[:length]],
                [tag.decode() for tag in tags[:length]],
                [float(score) for score in scores[:length]],
            )
            for tokens, tags, scores, length in self.answer_rows(self._tag, given, *names)
        ]
        return found[0] if single else found

    def predict_rows(self, inputs: Sequence[Any], first_row: int = 0) -> list[dict[str, Any]]:
        """For each text, or list of tokens, `tokens`, `tags` and `scores`, one for each token."""
        for given in inputs:
            tokens = given if isinstance(given, list) else [given]
            if not all(isinstance(token, str) for token in tokens):
                raise InputError(
                    f"an input must be a text or a list of tokens. Received: {given!r}."
                )
        return [tagged._asdict() for tagged in self.predict(inputs)]

    def _tag(self, sentences: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        # One token more than is read tells that there were more.
        tokens = tf.ragged.stack(sentences)[:, : self.options.max_length + 1]
        lengths = tf.cast(tokens.row_lengths(), tf.int32)
        return self._signatures.tag_tokens(tokens.to_tensor(""), lengths)

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


def _tokens(sentence: Text | Sequence[Text]) -> tf.Tensor:
    """A sentence as its tokens."""
    if isinstance(sentence, str | bytes):
        return tf.strings.split(whole_text(sentence))
    if not isinstance(sentence, Iterable):
        raise TypeError(f"A sentence must be a text or tokens. Received: {sentence!r}.")
    return tf.constant([whole_text(token) for token in sentence], tf.string)
