"""The tokenizer of a run, learned from its training text where it is one of subwords."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfseq.errors import InputError
from tfseq.runs.run_directory import RunDirectory
from tfseq.tasks.task import tokenizer_of
from tfseq.text import Corpus, SubwordTokenizer, Tokenizer
from tfseq.text.tokenizers.subword_learning import MIN_VOCABULARY, LargestVocabularyError

#: The most characters that subwords are learned from.
MOST_CHARACTERS = 10_000_000
# Of a longer text every so many stretches of this length are taken.
_STRETCH = 1 << 16


def tokenizer_to_train(
    options: Any,
    directory: RunDirectory,
    training_text: Callable[[], Corpus],
    begun_from: RunDirectory | None = None,
    sample: Callable[[], tuple[int, Sequence[str]]] | None = None,
) -> Tokenizer:
    """The tokenizer that options name; subwords are learned, or are those the run began with.

    Args:
        options: the options, `SubwordOptions` among them.
        directory: the run's.
        training_text: gives the training text, where it is needed.
        begun_from: a run whose subwords are taken: what the model starts from, or its own.
        sample: gives the characters of the training text and what `spread` takes of it, where
            others read the text.

    Raises:
        InputError: the model that the options name cannot be used, or the text does not allow so
            many pieces.
    """
    if options.tokenizer != "subword":
        return tokenizer_of(options)
    if begun_from is not None:
        return tokenizer_of(options, begun_from)
    settings = options.normalization, options.case_fold
    given = options.subword_model and Path(options.subword_model)
    if options.resume or directory.subwords.is_file():
        begun = tokenizer_of(options, directory)
        same = (
            not (options.resume and given and given.is_file())
            or SubwordTokenizer(given, *settings).model == begun.model
        )
        if not same:
            raise InputError(
                f"`subword_model` {given} is not the model that the run {directory.path} began "
                "with."
            )
        return begun
    if given:
        try:
            return SubwordTokenizer(given, *settings)
        except InputError as error:
            raise InputError(f"`subword_model`: {error}") from error
    if sample is not None:
        num_characters, learned_from = sample()
    else:
        text = training_text()
        num_characters, learned_from = sum(map(len, text.text())), None

    def texts() -> Iterable[str]:
        return spread(text.text(), num_characters) if learned_from is None else learned_from

    size = options.vocabulary_size or min(max(1000, num_characters // 200), 8000)
    try:
        return SubwordTokenizer.learn(texts(), size, *settings)
    except LargestVocabularyError as error:
        size = error.largest
        if size < MIN_VOCABULARY:
            raise InputError(
                f"The text is too short for `tokenizer` subword: it has {size} pieces, "
                f"single bytes among them, and {MIN_VOCABULARY} are needed. Use char, or more text."
            ) from None
        if options.vocabulary_size is not None:
            raise
    return SubwordTokenizer.learn(texts(), size, *settings)


def files_of_tokenizer(directory: RunDirectory, tokenizer: Tokenizer) -> Mapping[str, bytes]:
    """Name and content of the files that a run keeps of its tokenizer."""
    if isinstance(tokenizer, SubwordTokenizer):
        return {directory.subwords.name: tokenizer.model}
    return {}


def spread(texts: Iterable[str], num_characters: int) -> Iterator[str]:
    """What subwords are learned from: all of a text, or stretches evenly spread over a long one.

    Of more than 10,000,000 characters, every k-th stretch of 65,536 is taken, from the first on; k
    is the least number that leaves at most as many.

    Args:
        texts: the text, in pieces.
        num_characters: how many it has.

    >>> "".join(spread(["one ", "two"], 7))
    'one two'
    """
    yield from stretches(texts, 0, spread_step(num_characters))


def spread_step(num_characters: int) -> int:
    """Every how many-th stretch `spread` takes of so many characters."""
    return max(1, -(-num_characters // MOST_CHARACTERS))


def stretches(texts: Iterable[str], position: int, every: int) -> Iterator[str]:
    """Of a part of a text, which begins at a character of it, what is in every k-th stretch."""
    for text in texts:
        start = 0
        while start < len(text):
            stop = min(len(text), start + _STRETCH - position % _STRETCH)
            if position // _STRETCH % every == 0:
                yield text[start:stop]
            position += stop - start
            start = stop
