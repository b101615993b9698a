"""From strings to strings in one graph: the part that the library and an export share."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from tfseq.generation.beam_search import beam_search
from tfseq.generation.decoding import decode, read_prompt
from tfseq.generation.scoring import token_log_probabilities
from tfseq.models import LanguageModel
from tfseq.text import Tokenizer, Vocabulary, VocabularyTables

#: What `TextGraph.complete` takes, all [B].
COMPLETE_INPUTS = (
    tf.TensorSpec([None], tf.string, "prompt"),
    tf.TensorSpec([None], tf.int32, "max_new_tokens"),
    tf.TensorSpec([None], tf.float32, "temperature"),
    tf.TensorSpec([None], tf.int32, "top_k"),
    tf.TensorSpec([None], tf.float32, "top_p"),
    tf.TensorSpec([None], tf.int64, "seed"),
)
#: What `TextGraph.search` takes besides the size of the beam.
SEARCH_INPUTS = COMPLETE_INPUTS[:2]
#: What `TextGraph.score` takes.
SCORE_INPUTS = (tf.TensorSpec([None], tf.string, "text"),)


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

    @functools.cached_property
    def read(self) -> Callable:
        """Prompts string [B] -> what the output layer reads after them, and states: `read_prompt`.

        A function of its own, so that a graph's file holds it once, not once a signature.
        """

        def read(prompt):
            return read_prompt(self.model, *self.encode(prompt))

        return tf.function(read, input_signature=COMPLETE_INPUTS[:1], autograph=False)

    def complete(
        self,
        prompt: tf.Tensor,
        max_new_tokens: tf.Tensor,
        temperature: tf.Tensor,
        top_k: tf.Tensor,
        top_p: tf.Tensor,
        seed: tf.Tensor,
        allow_unknown: bool = False,
        filtered: bool | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Completions string [B] and their log probabilities float32 [B]; see `decode`."""
        new_ids, log_probability = decode(
            self.model,
            *self.read(prompt),
            max_new_tokens,
            temperature,
            top_k,
            top_p,
            seed,
            allow_unknown,
            filtered,
        )
        return self.decode(new_ids, max_new_tokens), log_probability

    def search(
        self,
        prompt: tf.Tensor,
        max_new_tokens: tf.Tensor,
        beam_size: int,
        allow_unknown: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The most probable completions string [B, K], and log probabilities float32 [B, K]."""
        new_ids, log_probabilities = beam_search(
            self.model, *self.read(prompt), max_new_tokens, beam_size, allow_unknown
        )
        rows = tf.size(prompt) * beam_size
        completions = self.decode(
            tf.reshape(new_ids, tf.stack([rows, tf.shape(new_ids)[2]])),
            tf.repeat(max_new_tokens, beam_size),
        )
        return tf.reshape(completions, [-1, beam_size]), log_probabilities

    def decode(self, ids: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Ids int32 [B, T], each row up to its length, to text [B]; unknown ids give `<unk>`."""
        ids = tf.RaggedTensor.from_tensor(ids, lengths=lengths)
        return self.tokenizer.detokenize(self.tables.id_to_token(ids))

    def join(self, prompt: tf.Tensor, completion: tf.Tensor) -> tf.Tensor:
        """The prompts [B], their invalid bytes replaced by U+FFFD, and their completions.

        Completions are [B], or [B, K] for K of each prompt; so is the result.
        """
        prompt = tf.strings.unicode_transcode(prompt, "UTF-8", "UTF-8", errors="replace")
        # A tokenizer of anyone's own need not say how texts are put together.
        join = getattr(self.tokenizer, "join", lambda *texts: tf.strings.join(texts))
        if completion.shape.rank == 1:
            return join(prompt, completion)
        prompts = tf.repeat(prompt, tf.shape(completion)[1])
        texts = join(prompts, tf.reshape(completion, [-1]))
        return tf.reshape(texts, tf.shape(completion))

    def score(self, text: tf.Tensor) -> Scores:
        """Condition on each text's first token and score the others."""
        ids, lengths = self.encode(text)
        token_scores = token_log_probabilities(self.model, ids, lengths)
        num_tokens = tf.maximum(lengths - 1, 0)
        total = tf.reduce_sum(tf.cast(token_scores, tf.float64), axis=1)
        mean = total / tf.cast(tf.maximum(num_tokens, 1), tf.float64)
        return Scores(
            tf.cast(total, tf.float32),
            num_tokens,
            tf.cast(tf.exp(-mean), tf.float32),
            token_scores,
        )


def check_vocabulary(model: LanguageModel, vocabulary: Vocabulary) -> None:
    """Raises ValueError if the model's ids are not the vocabulary's, or there is none to write."""
    if len(vocabulary) != model.vocabulary_size:
        raise ValueError(
            "`vocabulary` must have as many tokens as the model has symbols, "
            f"{model.vocabulary_size}. Received: {len(vocabulary)}."
        )
    if len(vocabulary) < 2:
        raise ValueError("`vocabulary` must have a token besides <unk>. Received: none.")
