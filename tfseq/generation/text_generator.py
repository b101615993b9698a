"""Texts written and scored by a language model, from Python."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypedDict, Unpack, overload

import tensorflow as tf

from tfseq.generation.arguments import StopStrings, Text, as_controls, as_rows, as_strings
from tfseq.generation.beam_search import beam_search
from tfseq.generation.constraints import Constraints, Filter
from tfseq.generation.controls.controls import Controls
from tfseq.generation.decoding import generate_ids
from tfseq.generation.generation import Generation, generations
from tfseq.generation.sampling import SamplerSettings
from tfseq.generation.text_graph import (
    CONTROL_INPUTS,
    GENERATE_INPUTS,
    SCORE_INPUTS,
    SEARCH_INPUTS,
    Score,
    TextGraph,
    check_vocabulary,
)
from tfseq.models import LanguageModel
from tfseq.text import Tokenizer, Vocabulary
from tfseq.text.tokenizers.make_tokenizer import as_tokenizer

# Graphs kept, one for each stop, filter and size of a beam; the one unused for longest goes.
_MOST_GRAPHS = 16


class GenerateOptions(TypedDict, total=False):
    """What `TextGenerator.generate` takes by name."""

    temperature: float | Sequence[float]
    top_k: int | Sequence[int]
    top_p: float | Sequence[float]
    seed: int | Sequence[int]
    stop: str | Iterable[str] | None
    filter: Filter | None
    allow_unknown: bool
    banned_tokens: str | Iterable[str]
    stop_strings: StopStrings
    min_p: float | Sequence[float]
    repetition_penalty: float | Sequence[float]
    repetition_window: int | Sequence[int]
    frequency_penalty: float | Sequence[float]


class TextGenerator:
    """Writes and scores text with a language model, its tokenizer and its vocabulary.

    Each method takes one text or several, and returns one result or a list. The graphs are traced
    at the first call and read the model's weights as they are at each call, so that one generator
    follows a model through its training.

    Args:
        model: a `tfseq.LanguageModel`.
        tokenizer: the tokenizer of its training text.
        vocabulary: the vocabulary of its ids.

    Raises:
        ValueError: if model and vocabulary differ in size.

    Example:
        >>> import tfseq
        >>> vocabulary = tfseq.Vocabulary(["a", "b", "."])
        >>> model = tfseq.LanguageModel(len(vocabulary), units=4)
        >>> generator = TextGenerator(model, tfseq.CharTokenizer(), vocabulary)
        >>> generation = generator.generate("ab", max_new_tokens=5, seed=1)
        >>> generation.text == "ab" + generation.completion, len(generation.completion)
        (True, 5)
        >>> def no_letter(logits, new_ids):
        ...     return logits - [0, float("inf"), float("inf"), 0]
        >>> generator.generate("ab", 5, stop=".", filter=no_letter).text
        'ab.'
        >>> generator.score(["abba", "a"])[1].perplexity
        1.0
    """

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer, vocabulary: Vocabulary):
        check_vocabulary(model, vocabulary)
        self._graph = TextGraph(model, as_tokenizer(tokenizer), vocabulary.tables())
        self._ids = {token: i for i, token in enumerate(vocabulary.tokens)}
        self._traced = functools.lru_cache(_MOST_GRAPHS)(self._trace)
        self._score = functools.cache(self._trace_score)

    @overload
    def generate(
        self, prompts: Text, max_new_tokens: int, **options: Unpack[GenerateOptions]
    ) -> Generation: ...

    @overload
    def generate(
        self,
        prompts: Sequence[Text],
        max_new_tokens: int | Sequence[int],
        **options: Unpack[GenerateOptions],
    ) -> list[Generation]: ...

    def generate(
        self,
        prompts,
        max_new_tokens,
        *,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        seed=0,
        stop=None,
        filter=None,
        allow_unknown=False,
        banned_tokens=(),
        stop_strings=(),
        min_p=0.0,
        repetition_penalty=1.0,
        repetition_window=64,
        frequency_penalty=0.0,
    ):
        """Continue prompts. Each number is one for all of them, or one for each.

        A prompt's text depends on its own numbers alone: equal prompts with one seed give equal
        texts. A model of documents takes a prompt as the beginning of one, and ends it by itself;
        `max_new_tokens` stays the cap.

        Args:
            prompts: text of any length, also empty. Tokens outside the vocabulary are read as
                `<unk>`; invalid UTF-8 as U+FFFD.
            max_new_tokens: the most tokens to add, not negative.
            temperature, top_k, top_p, seed: as `tfseq.generation.SamplerSettings` says.
            stop: a token, or several: a text ends with the first that is drawn.
            filter: a function `(logits [B, V], new_ids [B, t]) -> logits [B, V]` of TensorFlow
                operations, applied before temperature, top-k and top-p; `new_ids` are those added
                so far. Minus infinity forbids a token. What it makes of a row may depend on that
                row alone. Give the same function again rather than a new one: it is traced once.
            allow_unknown: whether `<unk>` may be produced.
            banned_tokens: a token, or several, that may not be.
            stop_strings: a string, or up to four, or a list of them for each prompt: a text ends
                where the first of them would begin, whatever tokens it is made of.
            min_p, repetition_penalty, repetition_window, frequency_penalty: as
                `tfseq.generation.Controls` says, with the order in which all this is done.

        Raises:
            ValueError: if a setting is out of its range or has another length than `prompts`, or
                `stop` or `banned_tokens` are not in the vocabulary.
        """
        numbers = SamplerSettings(temperature, top_k, top_p, seed)._asdict()
        constraints = self._constraints(stop, filter, allow_unknown, banned_tokens)
        controls = min_p, repetition_penalty, repetition_window, frequency_penalty
        return self._write(
            None, constraints, prompts, (stop_strings, *controls), max_new_tokens, **numbers
        )

    @overload
    def beam_search(
        self, prompts: Text, max_new_tokens: int, beam_size: int = 4, **options: Any
    ) -> list[Generation]: ...

    @overload
    def beam_search(
        self, prompts: Sequence[Text], max_new_tokens: Any, beam_size: int = 4, **options: Any
    ) -> list[list[Generation]]: ...

    def beam_search(
        self,
        prompts,
        max_new_tokens,
        beam_size=4,
        *,
        stop=None,
        filter=None,
        allow_unknown=False,
        banned_tokens=(),
    ):
        """Seek the `beam_size` most probable continuations of each prompt, the best first.

        The other arguments and errors are `generate`'s, but of a filter only what it forbids has an
        effect. See `tfseq.generation.beam_search` for prompts with fewer continuations, and for
        those that a stop token ends.
        """
        beam_size = int(as_rows("beam_size", beam_size, 1)[0])
        constraints = self._constraints(stop, filter, allow_unknown, banned_tokens)
        return self._write(beam_size, constraints, prompts, None, max_new_tokens)

    @overload
    def score(self, texts: Text, count_end: bool = False) -> Score: ...

    @overload
    def score(self, texts: Sequence[Text], count_end: bool = False) -> list[Score]: ...

    def score(self, texts, count_end=False):
        """Score one text or several: condition on the first token, count the others.

        A model of documents takes each as a whole one: every token is counted, and with `count_end`
        its end, too.

        Tokens outside the vocabulary are scored as `<unk>`. The numbers are those of one float32
        pass over the text: they agree with an export's and with float64 to about five digits, alone
        or in a batch, on any processor. Only a model whose state amplifies differences, as an
        untrained simple RNN with large weights does, amplifies rounding too.
        """
        strings, single = as_strings(texts)
        if count_end and self._graph.document_ids is None:
            raise ValueError(
                "`count_end` must be False: the model was not trained on documents, and knows no "
                "end. Received: True."
            )
        columns = [column.numpy() for column in self._score(bool(count_end))(strings)]
        scores = [
            Score(float(total), int(n), float(perplexity), tokens[:n])
            for total, n, perplexity, tokens in zip(*columns, strict=True)
        ]
        return scores[0] if single else scores

    def _constraints(self, stop, filter, allow_unknown, banned_tokens) -> Constraints:
        stop, banned = (
            self._token_ids("stop", stop),
            self._token_ids("banned_tokens", banned_tokens),
        )
        constraints = Constraints(stop, filter, bool(allow_unknown), banned)
        if constraints.leaves_none(len(self._ids), self._graph.document_ids):
            raise ValueError("`banned_tokens` must leave a token to be written. Received: all.")
        return constraints

    def _token_ids(self, name: str, tokens) -> tuple[int, ...]:
        tokens = (tokens,) if isinstance(tokens, str) else tuple(tokens or ())
        for token in tokens:
            if token not in self._ids:
                raise ValueError(f"`{name}` must be tokens of the vocabulary. Received: {token!r}.")
        return tuple(self._ids[token] for token in tokens)

    def _write(self, beam_size, constraints: Constraints, prompts, controls, length, **numbers):
        strings, single = as_strings(prompts)
        num_rows = len(strings)
        numbers = {"max_new_tokens": length, **numbers}
        columns = [as_rows(name, value, num_rows) for name, value in numbers.items()]
        controls = as_controls(*controls, num_rows) if controls else None
        controlled = controls is not None
        columns += controls if controlled else []
        columns = self._traced(beam_size, constraints, controlled)(strings, *columns)
        columns = [column.numpy().tolist() for column in columns]
        if controlled:
            # Where there is no document, none has ended.
            stopped, *ended = columns[4:]
            columns[4:] = [*(ended or [[False] * num_rows]), stopped]
        made = generations(*columns)
        return made[0] if single else made

    def _trace(self, beam_size: int | None, constraints: Constraints, controlled: bool) -> Callable:
        """Prompts and numbers -> the fields of a `Generation`, [B] or [B, K]."""

        def write(prompt, max_new_tokens, *settings):
            if controlled:
                settings, controls = settings[:4], Controls(*settings[4:])
                added = self._graph.complete_controlled(
                    prompt, max_new_tokens, SamplerSettings(*settings), controls, constraints
                )
                return self._graph.join(prompt, added[0]), *added
            if beam_size is None:
                how = generate_ids, max_new_tokens, SamplerSettings(*settings)
            else:
                how = beam_search, max_new_tokens, beam_size
            added = self._graph.complete(prompt, *how, constraints=constraints)
            return self._graph.join(prompt, added[0]), *added

        inputs = GENERATE_INPUTS if beam_size is None else SEARCH_INPUTS
        inputs += CONTROL_INPUTS if controlled else ()
        return tf.function(write, input_signature=inputs, autograph=False)

    def _trace_score(self, count_end: bool) -> Callable:
        score = functools.partial(self._graph.score, count_end=count_end)
        return tf.function(score, input_signature=SCORE_INPUTS, autograph=False)
