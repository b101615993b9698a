"""Texts written and scored by a language model, from Python."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple, overload

import numpy as np
import tensorflow as tf

from tfseq.files.text_bytes import text_bytes
from tfseq.generation.text_graph import (
    COMPLETE_INPUTS,
    SCORE_INPUTS,
    SEARCH_INPUTS,
    TextGraph,
    check_vocabulary,
)
from tfseq.models import LanguageModel
from tfseq.text import Tokenizer, Vocabulary

_RULES = {
    "max_new_tokens": (np.int32, 0, 2**31 - 1, "an integer from 0"),
    "temperature": (np.float32, 0, np.finfo(np.float32).max, "a finite number from 0"),
    "top_k": (np.int32, 0, 2**31 - 1, "an integer from 0"),
    "top_p": (np.float32, 0, 1, "a number from 0 to 1"),
    "beam_size": (np.int32, 1, 2**31 - 1, "a positive integer"),
    "seed": (np.int64, -(2**63), 2**63 - 1, "a 64-bit integer"),
}


class Generation(NamedTuple):
    """A text that a model wrote.

    Attributes:
        text: the prompt, its invalid bytes replaced by U+FFFD, followed by the completion.
        completion: what the model added.
        num_tokens: the number of tokens added.
        log_probability: log P(completion | prompt) of the model itself, natural logarithm, at
            temperature 1 and over all symbols, whatever the sampling was.
    """

    text: str
    completion: str
    num_tokens: int
    log_probability: float


class Score(NamedTuple):
    """How probable a model finds a text of n tokens, given its first.

    Attributes:
        log_probability: log P(x_2, …, x_n | x_1), natural logarithm.
        num_tokens: the n − 1 tokens counted, or 0.
        perplexity: exp(−log_probability / num_tokens), or 1 with nothing to count.
        token_log_probabilities: float32 [num_tokens].
    """

    log_probability: float
    num_tokens: int
    perplexity: float
    token_log_probabilities: np.ndarray


class TextGenerator:
    """Writes and scores text with a language model, its tokenizer and its vocabulary.

    The graphs are traced at the first call and read the model's weights as they are at each
    call, so that one generator follows a model through its training.

    Args:
        model: a `tfseq.LanguageModel`.
        tokenizer: the tokenizer of its training text.
        vocabulary: the vocabulary of its ids.

    Raises:
        ValueError: if model and vocabulary differ in size.

    Example:
        >>> import tfseq
        >>> vocabulary = tfseq.Vocabulary(["a", "b"])
        >>> model = tfseq.LanguageModel(len(vocabulary), units=4)
        >>> generator = TextGenerator(model, tfseq.CharTokenizer(), vocabulary)
        >>> generation = generator.generate("ab", max_new_tokens=5, seed=1)
        >>> generation.text == "ab" + generation.completion, len(generation.completion)
        (True, 5)
        >>> generator.score(["abba", "a"])[1].perplexity
        1.0
    """

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer, vocabulary: Vocabulary):
        check_vocabulary(model, vocabulary)
        self._graph = TextGraph(model, tokenizer, vocabulary.tables())
        self._searches = {}

    @overload
    def generate(
        self,
        prompts: str | bytes,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 0,
        allow_unknown: bool = False,
    ) -> Generation: ...

    @overload
    def generate(
        self,
        prompts: Sequence[str | bytes],
        max_new_tokens: int | Sequence[int],
        temperature: float | Sequence[float] = 1.0,
        top_k: int | Sequence[int] = 0,
        top_p: float | Sequence[float] = 1.0,
        seed: int | Sequence[int] = 0,
        allow_unknown: bool = False,
    ) -> list[Generation]: ...

    def generate(
        self,
        prompts: str | bytes | Sequence[str | bytes],
        max_new_tokens: int | Sequence[int],
        temperature: float | Sequence[float] = 1.0,
        top_k: int | Sequence[int] = 0,
        top_p: float | Sequence[float] = 1.0,
        seed: int | Sequence[int] = 0,
        allow_unknown: bool = False,
    ) -> Generation | list[Generation]:
        """Continue one prompt or several.

        Each setting is one number for all prompts or one for each. A prompt's text depends on
        its own settings and seed alone: several equal prompts with one seed give equal texts.

        Args:
            prompts: text of any length, also empty. Tokens outside the vocabulary are read as
                `<unk>`; invalid UTF-8 as U+FFFD.
            max_new_tokens: how many tokens to add, not negative.
            temperature: divides the logits; 0 takes the most probable token at each step.
            top_k: sample from the k most probable tokens only; 0 is off.
            top_p: sample from the fewest tokens that together have this probability; 1 is off.
            seed: any 64-bit integer.
            allow_unknown: whether `<unk>` may be produced.

        Returns:
            A `Generation` for one prompt, a list of them for several.

        Raises:
            ValueError: if a setting is out of its range or has another length than `prompts`.
        """
        single = isinstance(prompts, str | bytes)
        rows = [prompts] if single else list(prompts)
        columns = {
            "max_new_tokens": max_new_tokens,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "seed": seed,
        }
        columns = {name: _column(name, value, len(rows)) for name, value in columns.items()}
        text, completion, log_probability = self._complete[bool(allow_unknown)](
            _as_strings(rows), *columns.values()
        )
        generations = [
            Generation(t.decode(), c.decode(), n, p)
            for t, c, n, p in zip(
                text.numpy().tolist(),
                completion.numpy().tolist(),
                columns["max_new_tokens"].tolist(),
                log_probability.numpy().tolist(),
                strict=True,
            )
        ]
        return generations[0] if single else generations

    def beam_search(
        self,
        prompts: str | bytes | Sequence[str | bytes],
        max_new_tokens: int | Sequence[int],
        beam_size: int = 4,
        allow_unknown: bool = False,
    ) -> list[Generation] | list[list[Generation]]:
        """Seek the most probable continuations of one prompt or several.

        Args:
            prompts: text of any length, also empty.
            max_new_tokens: how many tokens to add, not negative; one number, or one for each.
            beam_size: continuations kept at every step, positive.
            allow_unknown: whether `<unk>` may be produced.

        Returns:
            The `beam_size` continuations found, the most probable first; for several prompts, a
            list of such lists. See `tfseq.generation.beam_search` for prompts with fewer.

        Raises:
            ValueError: if a setting is out of its range or has another length than `prompts`.
        """
        single = isinstance(prompts, str | bytes)
        rows = [prompts] if single else list(prompts)
        lengths = _column("max_new_tokens", max_new_tokens, len(rows))
        beam_size = int(_column("beam_size", beam_size, 1)[0])
        columns = self._search(beam_size, bool(allow_unknown))(_as_strings(rows), lengths)
        beams = [
            [Generation(t.decode(), c.decode(), n, p) for t, c, p in zip(*row, strict=True)]
            for n, *row in zip(
                lengths.tolist(), *(c.numpy().tolist() for c in columns), strict=True
            )
        ]
        return beams[0] if single else beams

    @overload
    def score(self, texts: str | bytes) -> Score: ...

    @overload
    def score(self, texts: Sequence[str | bytes]) -> list[Score]: ...

    def score(self, texts: str | bytes | Sequence[str | bytes]) -> Score | list[Score]:
        """Score one text or several: condition on the first token, count the others.

        The numbers are those of one float32 pass over the text, as the `Evaluator` of
        `tfseq.tasks.language_model` makes it: on a model that forgets small differences they agree
        with each other, with an export's and with float64 to about five digits, alone or in a
        batch, on any processor. A model whose state amplifies differences, as an untrained simple
        RNN with large weights does, amplifies rounding too; there two processors, or two batch
        sizes, may differ by more.

        Args:
            texts: text of any length. Tokens outside the vocabulary are scored as `<unk>`.

        Returns:
            A `Score` for one text, a list of them for several.
        """
        single = isinstance(texts, str | bytes)
        columns = [c.numpy() for c in self._score(_as_strings([texts] if single else texts))]
        scores = [
            Score(float(total), int(n), float(perplexity), tokens[:n])
            for total, n, perplexity, tokens in zip(*columns, strict=True)
        ]
        return scores[0] if single else scores

    @functools.cached_property
    def _complete(self) -> dict[bool, Callable]:
        """By `allow_unknown`: prompts and settings -> texts, completions, log probabilities."""

        def complete(allow_unknown, prompt, *settings):
            completion, log_probability = self._graph.complete(prompt, *settings, allow_unknown)
            return self._graph.join(prompt, completion), completion, log_probability

        return {
            allow_unknown: tf.function(
                functools.partial(complete, allow_unknown),
                input_signature=COMPLETE_INPUTS,
                autograph=False,
            )
            for allow_unknown in (False, True)
        }

    def _search(self, beam_size: int, allow_unknown: bool) -> Callable:
        """Prompts and lengths -> texts, completions and log probabilities, each [B, K]."""

        def search(prompt, max_new_tokens):
            completions, scores = self._graph.search(
                prompt, max_new_tokens, beam_size, allow_unknown
            )
            return self._graph.join(prompt, completions), completions, scores

        if (beam_size, allow_unknown) not in self._searches:
            self._searches[beam_size, allow_unknown] = tf.function(
                search, input_signature=SEARCH_INPUTS, autograph=False
            )
        return self._searches[beam_size, allow_unknown]

    @functools.cached_property
    def _score(self) -> Callable:
        return tf.function(self._graph.score, input_signature=SCORE_INPUTS, autograph=False)


def _as_strings(texts: Sequence[str | bytes]) -> tf.Tensor:
    return tf.constant([text_bytes(t) for t in texts], tf.string, shape=[len(texts)])


def _column(name: str, value, num_rows: int) -> np.ndarray:
    """One checked number for each row."""
    dtype, low, high, rule = _RULES[name]
    values = np.asarray(value)
    if values.shape not in ((), (num_rows,)):
        raise ValueError(
            f"`{name}` must be one number, or one for each of the {num_rows} prompts. "
            f"Received: {value!r}."
        )
    numeric = "iu" if dtype is not np.float32 else "iuf"
    if values.size and (
        values.dtype.kind not in numeric or not np.all((low <= values) & (values <= high))
    ):
        raise ValueError(f"`{name}` must be {rule}. Received: {value!r}.")
    return np.broadcast_to(values.astype(dtype), (num_rows,))
