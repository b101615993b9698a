"""From strings to strings in one graph: the part that the library and an export share."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfseq.generation.constraints import UNCONSTRAINED, Constraints
from tfseq.generation.controls.controls import Controls
from tfseq.generation.controls.stop_strings import cut_at
from tfseq.generation.decoding import generate_ids
from tfseq.generation.reading import read_prompt, token_log_probabilities
from tfseq.generation.sampling import SamplerSettings
from tfseq.models import LanguageModel
from tfseq.text import Tokenizer, Vocabulary, VocabularyTables

#: Inputs [B] of the export's `generate`; from the third on, the fields of `SamplerSettings`.
GENERATE_INPUTS = (
    tf.TensorSpec([None], tf.string, "prompt"),
    tf.TensorSpec([None], tf.int32, "max_new_tokens"),
    tf.TensorSpec([None], tf.float32, "temperature"),
    tf.TensorSpec([None], tf.int32, "top_k"),
    tf.TensorSpec([None], tf.float32, "top_p"),
    tf.TensorSpec([None], tf.int64, "seed"),
)
#: Those of `generate_controlled`: after them, the fields of `Controls`.
CONTROL_INPUTS = (
    tf.TensorSpec([None, None], tf.string, "stop"),
    tf.TensorSpec([None], tf.float32, "min_p"),
    tf.TensorSpec([None], tf.float32, "repetition_penalty"),
    tf.TensorSpec([None], tf.int32, "repetition_window"),
    tf.TensorSpec([None], tf.float32, "frequency_penalty"),
)
SEARCH_INPUTS = GENERATE_INPUTS[:2]
SCORE_INPUTS = (tf.TensorSpec([None], tf.string, "text"),)


class Score(NamedTuple):
    """How probable a model finds a text of n tokens, given its first; in a graph, tensors [B].

    A model of documents is given that a document begins, and counts all n.

    Attributes:
        log_probability: log P(x_2, …, x_n | x_1), natural logarithm; of documents
            log P(x_1, …, x_n), and with the end that is counted log P(x_1, …, x_n, END).
        num_tokens: the n − 1 tokens counted, or 0; of documents n, or n + 1 with the end.
        perplexity: exp(−log_probability / num_tokens), or 1 with nothing to count.
        token_log_probabilities: float32 [num_tokens]; in a graph padded with 0.
    """

    log_probability: float
    num_tokens: int
    perplexity: float
    token_log_probabilities: np.ndarray


@dataclass(frozen=True, eq=False)
class TextGraph:
    """A language model with its tokenizer and the lookup tables of its vocabulary.

    A model of documents reads BEGIN before a prompt, and ends what it writes at END.
    """

    model: LanguageModel
    tokenizer: Tokenizer
    tables: VocabularyTables

    @property
    def document_ids(self) -> tuple[int, int] | None:
        """The ids of BEGIN and END; None where texts are no documents."""
        return self.model.document_ids

    def encode(self, strings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Strings [B] -> ids int32 [B, T], padded with 0 on the right, and lengths int32 [B]."""
        ids = self.tables.token_to_id(self.tokenizer.tokenize(strings))
        return ids.to_tensor(0), tf.cast(ids.row_lengths(), tf.int32)

    def decode(self, ids: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Ids int32 [..., T], each row up to its length, to text; unknown ids give `<unk>`.

        BEGIN and END stand for no text.
        """
        rows = tf.reshape(ids, tf.stack([tf.size(lengths), tf.shape(ids)[-1]]))
        rows = tf.RaggedTensor.from_tensor(rows, lengths=tf.reshape(lengths, [-1]))
        return tf.reshape(self.decode_rows(rows), tf.shape(lengths))

    def decode_rows(self, rows: tf.RaggedTensor) -> tf.Tensor:
        """The same for rows of ids, int32 [N, (T)]."""
        if self.document_ids is not None:
            begin, end = self.document_ids
            rows = tf.ragged.boolean_mask(rows, (rows != begin) & (rows != end))
        return self.tokenizer.detokenize(self.tables.id_to_token(rows))

    @functools.cached_property
    def read(self) -> Callable:
        """Prompts string [B] -> what the output layer reads after them, and states: `read_prompt`.

        A function of its own, so that a graph's file holds it once, not once a signature.
        """

        def read(prompt):
            ids, lengths = self.encode(prompt)
            if self.document_ids is not None:
                ids, lengths = self._after_begin(ids), lengths + 1
            return read_prompt(self.model, ids, lengths)

        return tf.function(read, input_signature=GENERATE_INPUTS[:1], autograph=False)

    def complete(
        self,
        prompt: tf.Tensor,
        find: Callable,
        *settings,
        constraints: Constraints = UNCONSTRAINED,
        **options,
    ) -> tuple[tf.Tensor, ...]:
        """Completions of prompts [B], how many tokens they have, and their log probabilities.

        A model of documents also says which of them END has ended, bool; it is one of the tokens.

        `find` is `generate_ids`, and they are [B], or `beam_search`, and they are [B, K], with what
        that takes after the states.
        """
        constraints = Constraints.of_documents(self.document_ids, constraints)
        ids, num_tokens, *others = find(
            self.model, *self.read(prompt), *settings, constraints=constraints, **options
        )
        ended = ()
        if self.document_ids is not None:
            place = tf.range(tf.shape(ids)[-1]) == num_tokens[..., tf.newaxis] - 1
            ended = (tf.reduce_any(place & (ids == self.document_ids[1]), axis=-1),)
        return self.decode(ids, num_tokens), num_tokens, *others, *ended

    def complete_controlled(
        self,
        prompt: tf.Tensor,
        max_new_tokens: tf.Tensor,
        settings: SamplerSettings,
        controls: Controls,
        constraints: Constraints = UNCONSTRAINED,
    ) -> tuple[tf.Tensor, ...]:
        """As `complete` with `generate_ids`, and third whether a stop string ended a text, bool."""
        completion, num_tokens, log_probability, stopped, *ended = self.complete(
            prompt,
            generate_ids,
            max_new_tokens,
            settings,
            constraints=constraints,
            controls=controls,
            history=self.encode(prompt),
            decode=self.decode_rows,
        )
        kept = cut_at(completion, controls.stop)
        return kept, num_tokens, log_probability, stopped | (kept != completion), *ended

    def join(self, prompt: tf.Tensor, completion: tf.Tensor) -> tf.Tensor:
        """The prompts [B], invalid bytes replaced by U+FFFD, and completions [B] or [B, K]."""
        prompt = tf.strings.unicode_transcode(prompt, "UTF-8", "UTF-8", errors="replace")
        prompts = tf.repeat(prompt, tf.size(completion[:1]))
        texts = self.tokenizer.join(prompts, tf.reshape(completion, [-1]))
        return tf.reshape(texts, tf.shape(completion))

    def score(self, text: tf.Tensor, count_end: bool = False) -> Score:
        """Condition on each text's first token and score the others.

        A model of documents conditions on BEGIN and scores every token; with `count_end` END too.
        """
        ids, lengths = self.encode(text)
        if self.document_ids is not None:
            ids, lengths = self._after_begin(ids), lengths + 1
            if count_end:
                ids, lengths = self._with_end(ids, lengths), lengths + 1
        token_scores = token_log_probabilities(self.model, ids, lengths)
        return self._summed(token_scores, tf.maximum(lengths - 1, 0))

    def score_and_end(self, text: tf.Tensor) -> tuple[Score, tf.Tensor]:
        """`score` of documents without END, and log P(END | text), float32 [B]."""
        ids, lengths = self.encode(text)
        ids, lengths = self._after_begin(ids), lengths + 1
        scores = token_log_probabilities(self.model, self._with_end(ids, lengths), lengths + 1)
        is_end = tf.range(tf.shape(scores)[1]) == lengths[:, tf.newaxis] - 1
        of_end = tf.reduce_sum(tf.where(is_end, scores, 0.0), axis=1)
        of_text = tf.where(is_end, 0.0, scores)[:, : tf.shape(ids)[1] - 1]
        return self._summed(of_text, lengths - 1), of_end

    def _after_begin(self, ids: tf.Tensor) -> tf.Tensor:
        """Ids [B, T] with BEGIN before each row."""
        return tf.pad(ids, [[0, 0], [1, 0]], constant_values=self.document_ids[0])

    def _with_end(self, ids: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Ids [B, T] with END after each row's length, [B, T + 1]."""
        ids = tf.pad(ids, [[0, 0], [0, 1]])
        is_end = tf.range(tf.shape(ids)[1]) == lengths[:, tf.newaxis]
        return tf.where(is_end, self.document_ids[1], ids)

    def _summed(self, token_scores: tf.Tensor, num_tokens: tf.Tensor) -> Score:
        total = tf.reduce_sum(tf.cast(token_scores, tf.float64), axis=1)
        mean = total / tf.cast(tf.maximum(num_tokens, 1), tf.float64)
        total, perplexity = (tf.cast(x, tf.float32) for x in (total, tf.exp(-mean)))
        return Score(total, num_tokens, perplexity, token_scores)


def check_vocabulary(model: LanguageModel, vocabulary: Vocabulary) -> None:
    """Raises ValueError if the model's ids are not the vocabulary's, or there is none to write."""
    if len(vocabulary) != model.vocabulary_size:
        raise ValueError(
            "`vocabulary` must have as many tokens as the model has symbols, "
            f"{model.vocabulary_size}. Received: {len(vocabulary)}."
        )
    if len(vocabulary) < 2:
        raise ValueError("`vocabulary` must have a token besides <unk>. Received: none.")
