"""Texts written and scored by a language model, from Python."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypedDict, Unpack, overload

import numpy as np
import tensorflow as tf

from tfseq.files.text_bytes import text_bytes
from tfseq.generation.beam_search import beam_search
from tfseq.generation.constraints import Constraints, Filter
from tfseq.generation.decoding import generate_ids
from tfseq.generation.sampling import SamplerSettings
from tfseq.generation.text_graph import (
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

Text = str | bytes

_RULES = {
    "max_new_tokens": (np.int32, 0, 2**31 - 1, "an integer from 0"),
    "temperature": (np.float32, 0, np.finfo(np.float32).max, "a finite number from 0"),
    "top_k": (np.int32, 0, 2**31 - 1, "an integer from 0"),
    "top_p": (np.float32, 0, 1, "a number from 0 to 1"),
    "beam_size": (np.int32, 1, 2**31 - 1, "a positive integer"),
    "seed": (np.int64, -(2**63), 2**63 - 1, "a 64-bit integer"),
}
# Graphs kept, one for each stop, filter and size of a beam; the one unused for longest goes.
_MOST_GRAPHS = 16


class Generation(NamedTuple):
    """A text that a model wrote.

    Attributes:
        text: the prompt, its invalid bytes replaced by U+FFFD, followed by the completion.
        completion: what the model added, a stop token included.
        num_tokens: the number of tokens added, that of a document's end among them.
        log_probability: log P(completion | prompt) of the model itself, natural logarithm, at
            temperature 1 and over all symbols, whatever the sampling was.
        ended: whether the model ended the document, which only a model of documents does.
    """

    text: str
    completion: str
    num_tokens: int
    log_probability: float
    ended: bool = False


class GenerateOptions(TypedDict, total=False):
    """What `TextGenerator.generate` takes by name."""

    temperature: float | Sequence[float]
    top_k: int | Sequence[int]
    top_p: float | Sequence[float]
    seed: int | Sequence[int]
    stop: str | Iterable[str] | None
    filter: Filter | None
    allow_unknown: bool


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

        Raises:
            ValueError: if a setting is out of its range or has another length than `prompts`, or
                `stop` is not in the vocabulary.
        """
        numbers = SamplerSettings(temperature, top_k, top_p, seed)._asdict()
        constraints = self._constraints(stop, filter, allow_unknown)
        return self._write(None, constraints, prompts, max_new_tokens=max_new_tokens, **numbers)

    @overload
    def beam_search(
        self, prompts: Text, max_new_tokens: int, beam_size: int = 4, **options: Any
    ) -> list[Generation]: ...

    @overload
    def beam_search(
        self, prompts: Sequence[Text], max_new_tokens: Any, beam_size: int = 4, **options: Any
    ) -> list[list[Generation]]: ...

    def beam_search(
        self, prompts, max_new_tokens, beam_size=4, *, stop=None, filter=None, allow_unknown=False
    ):
        """Seek the `beam_size` most probable continuations of each prompt, the best first.

        The other arguments and errors are `generate`'s, but of a filter only what it forbids has an
        effect. See `tfseq.generation.beam_search` for prompts with fewer continuations, and for
        those that a stop token ends.
        """
        beam_size = int(_column("beam_size", beam_size, 1)[0])
        constraints = self._constraints(stop, filter, allow_unknown)
        return self._write(beam_size, constraints, prompts, max_new_tokens=max_new_tokens)

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
        strings, single = _strings(texts)
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

    def _constraints(self, stop, filter, allow_unknown) -> Constraints:
        stop = (stop,) if isinstance(stop, str) else tuple(stop or ())
        for token in stop:
            if token not in self._ids:
                raise ValueError(f"`stop` must be tokens of the vocabulary. Received: {token!r}.")
        return Constraints(tuple(self._ids[t] for t in stop), filter, bool(allow_unknown))

    def _write(self, beam_size: int | None, constraints: Constraints, prompts, **numbers):
        strings, single = _strings(prompts)
        columns = [_column(name, value, len(strings)) for name, value in numbers.items()]
        columns = self._traced(beam_size, constraints)(strings, *columns)
        generations = _generations(*(column.numpy().tolist() for column in columns))
        return generations[0] if single else generations

    def _trace(self, beam_size: int | None, constraints: Constraints) -> Callable:
        """Prompts and numbers -> the fields of a `Generation`, [B] or [B, K]."""

        def write(prompt, max_new_tokens, *settings):
            if beam_size is None:
                how = generate_ids, max_new_tokens, SamplerSettings(*settings)
            else:
                how = beam_search, max_new_tokens, beam_size
            added = self._graph.complete(prompt, *how, constraints=constraints)
            return self._graph.join(prompt, added[0]), *added

        inputs = GENERATE_INPUTS if beam_size is None else SEARCH_INPUTS
        return tf.function(write, input_signature=inputs, autograph=False)

    def _trace_score(self, count_end: bool) -> Callable:
        score = functools.partial(self._graph.score, count_end=count_end)
        return tf.function(score, input_signature=SCORE_INPUTS, autograph=False)


def _strings(texts: Text | Sequence[Text]) -> tuple[tf.Tensor, bool]:
    """Texts as a tensor [B], and whether it is one text that was not in a list."""
    single = isinstance(texts, Text)
    texts = [text_bytes(text) for text in ([texts] if single else texts)]
    return tf.constant(texts, tf.string, shape=[len(texts)]), single


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


def _generations(*columns: list) -> list:
    """`Generation`s from lists of their fields, or from lists of lists."""
    return [
        _generations(*fields)
        if isinstance(fields[0], list)
        else Generation(fields[0].decode(), fields[1].decode(), *fields[2:])
        for fields in zip(*columns, strict=True)
    ]
