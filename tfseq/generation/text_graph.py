"""From strings to strings in one graph: the part that the library and an export share."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from tfseq.generation.beam_search import beam_search
from tfseq.generation.constraints import UNCONSTRAINED, Constraints
from tfseq.generation.decoding import generate_ids
from tfseq.generation.reading import read_prompt, token_log_probabilities
from tfseq.generation.sampling import SamplerSettings
from tfseq.models import LanguageModel
from tfseq.text import Tokenizer, Vocabulary, VocabularyTables

#: What `generate` takes in an export, all [B]; from the third on, the fields of `SamplerSettings`.
GENERATE_INPUTS = (
    tf.TensorSpec([None], tf.string, "prompt"),
    tf.TensorSpec([None], tf.int32, "max_new_tokens"),
    tf.TensorSpec([None], tf.float32, "temperature"),
    tf.TensorSpec([None], tf.int32, "top_k"),
    tf.TensorSpec([None], tf.float32, "top_p"),
    tf.TensorSpec([None], tf.int64, "seed"),
)
#: What `TextGraph.beam_search` takes besides the size of the beam.
SEARCH_INPUTS = GENERATE_INPUTS[:2]
#: What `TextGraph.score` takes.
SCORE_INPUTS = (tf.TensorSpec([None], tf.string, "text"),)


class Completions(NamedTuple):
    """What was added to each prompt, [B], or K of it, [B, K].

    Attributes:
        completion: string.
        num_tokens: int32.
        log_probability: float32, the model's own, natural logarithm.
    """

    completion: tf.Tensor
    num_tokens: tf.Tensor
    log_probability: tf.Tensor


class Scores(NamedTuple):
    """What `TextGraph.score` returns; n is a text's number of tokens.

    Attributes:
        log_probability: float32 [B], log P(x_2, …, x_n | x_1), natural logarithm.
        num_tokens: int32 [B], the n − 1 tokens counted, or 0.
        perplexity: float32 [B], exp(−log_probability / num_tokens), or 1.
        token_log_probabilities: float32 [B, max num_tokens], 0 past a row's last.
    """

    log_probability: tf.Tensor
    num_tokens: tf.Tensor
    perplexity: tf.Tensor
    token_log_probabilities: tf.Tensor


@dataclass(frozen=True, eq=False)
class TextGraph:
    """A language model with its tokenizer and the lookup tables of its vocabulary.

    Attributes:
        model: the language model.
        tokenizer: splits prompts into tokens and puts tokens together to text.
        tables: the lookups of the vocabulary; embedded or read from an asset file.
    """

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

    def generate(
        self,
        prompt: tf.Tensor,
        max_new_tokens: tf.Tensor,
        settings: SamplerSettings,
        constraints: Constraints = UNCONSTRAINED,
        truncate: bool | None = None,
    ) -> Completions:
        """One completion of each prompt [B]: see `generate_ids`."""
        ids, *ends = generate_ids(
            self.model, *self.read(prompt), max_new_tokens, settings, constraints, truncate
        )
        return Completions(self.decode(ids, ends[0]), *ends)

    def beam_search(
        self,
        prompt: tf.Tensor,
        max_new_tokens: tf.Tensor,
        beam_size: int,
        constraints: Constraints = UNCONSTRAINED,
    ) -> Completions:
        """K completions of each prompt, [B, K], the most probable first: see `beam_search`."""
        ids, *ends = beam_search(
            self.model, *self.read(prompt), max_new_tokens, beam_size, constraints
        )
        return Completions(self.decode(ids, ends[0]), *ends)

    def join(self, prompt: tf.Tensor, completion: tf.Tensor) -> tf.Tensor:
        """The prompts [B], their invalid bytes replaced by U+FFFD, and their completions.

        Completions are [B], or [B, K] for K of each prompt; so is the result.
        """
        prompt = tf.strings.unicode_transcode(prompt, "UTF-8", "UTF-8", errors="replace")
        if completion.shape.rank == 1:
            return self.tokenizer.join(prompt, completion)
        prompts = tf.repeat(prompt, tf.shape(completion)[1])
        texts = self.tokenizer.join(prompts, tf.reshape(completion, [-1]))
        return tf.reshape(texts, tf.shape(completion))

    def score(self, text: tf.Tensor) -> Scores:
        """Condition on each text's first token and score the others."""
        ids, lengths = self.encode(text)
        token_scores = token_log_probabilities(self.model, ids, lengths)
        num_tokens = tf.maximum(lengths - 1, 0)
        total = tf.reduce_sum(tf.cast(token_scores, tf.float64), axis=1)
        mean = total / tf.cast(tf.maximum(num_tokens, 1), tf.float64)
        total, perplexity = (tf.cast(x, tf.float32) for x in (total, tf.exp(-mean)))
        return Scores(total, num_tokens, perplexity, token_scores)


def check_vocabulary(model: LanguageModel, vocabulary: Vocabulary) -> None:
    """Raises ValueError if the model's ids are not the vocabulary's, or there is none to write."""
    if len(vocabulary) != model.vocabulary_size:
        raise ValueError(
            "`vocabulary` must have as many tokens as the model has symbols, "
            f"{model.vocabulary_size}. Received: {len(vocabulary)}."
        )
    if len(vocabulary) < 2:
        raise ValueError("`vocabulary` must have a token besides <unk>. Received: none.")
