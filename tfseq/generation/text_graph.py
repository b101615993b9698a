"""From strings to strings in one graph: the part that the library and an export share."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfseq.generation.reading import read_prompt, token_log_probabilities
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
SEARCH_INPUTS = GENERATE_INPUTS[:2]
SCORE_INPUTS = (tf.TensorSpec([None], tf.string, "text"),)


class Score(NamedTuple):
    """How probable a model finds a text of n tokens, given its first; in a graph, tensors [B].

    Attributes:
        log_probability: log P(x_2, …, x_n | x_1), natural logarithm.
        num_tokens: the n − 1 tokens counted, or 0.
        perplexity: exp(−log_probability / num_tokens), or 1 with nothing to count.
        token_log_probabilities: float32 [num_tokens]; in a graph padded with 0.
    """

    log_probability: float
    num_tokens: int
    perplexity: float
    token_log_probabilities: np.ndarray


@dataclass(frozen=True, eq=False)
class TextGraph:
    """A language model with its tokenizer and the lookup tables of its vocabulary."""

    model: LanguageModel
    tokenizer: Tokenizer
    tables: VocabularyTables

    def encode(self, strings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Strings [B] -> ids int32 [B, T], padded with 0 on the right, and lengths int32 [B]."""
        ids = self.tables.token_to_id(self.tokenizer.tokenize(strings))
        return ids.to_tensor(0), tf.cast(ids.row_lengths(), tf.int32)

    def decode(self, ids: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Ids int32 [..., T], each row up to its length, to text; unknown ids give `<unk>`."""
        rows = tf.reshape(ids, tf.stack([tf.size(lengths), tf.shape(ids)[-1]]))
        rows = tf.RaggedTensor.from_tensor(rows, lengths=tf.reshape(lengths, [-1]))
        texts = self.tokenizer.detokenize(self.tables.id_to_token(rows))
        return tf.reshape(texts, tf.shape(lengths))

    @functools.cached_property
    def read(self) -> Callable:
        """Prompts string [B] -> what the output layer reads after them, and states: `read_prompt`.

        A function of its own, so that a graph's file holds it once, not once a signature.
        """

        def read(prompt):
            return read_prompt(self.model, *self.encode(prompt))

        return tf.function(read, input_signature=GENERATE_INPUTS[:1], autograph=False)

    def complete(
        self, prompt: tf.Tensor, find: Callable, *settings, **options
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Completions of prompts [B], how many tokens they have, and their log probabilities.

        `find` is `generate_ids`, and they are [B], or `beam_search`, and they are [B, K], with what
        that takes after the states.
        """
        ids, num_tokens, log_probability = find(
            self.model, *self.read(prompt), *settings, **options
        )
        return self.decode(ids, num_tokens), num_tokens, log_probability

    def join(self, prompt: tf.Tensor, completion: tf.Tensor) -> tf.Tensor:
        """The prompts [B], invalid bytes replaced by U+FFFD, and completions [B] or [B, K]."""
        prompt = tf.strings.unicode_transcode(prompt, "UTF-8", "UTF-8", errors="replace")
        prompts = tf.repeat(prompt, tf.size(completion[:1]))
        texts = self.tokenizer.join(prompts, tf.reshape(completion, [-1]))
        return tf.reshape(texts, tf.shape(completion))

    def score(self, text: tf.Tensor) -> Score:
        """Condition on each text's first token and score the others."""
        ids, lengths = self.encode(text)
        token_scores = token_log_probabilities(self.model, ids, lengths)
        num_tokens = tf.maximum(lengths - 1, 0)
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
