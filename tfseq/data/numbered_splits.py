"""A corpus as numbered tokens, and how many of them each split has."""

import math
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

from tfseq.data.numbering import NumberedTokens, number_tokens
from tfseq.text import Corpus, SubwordTokenizer, Tokenizer


def number_splits(
    corpus: Corpus,
    tokenizer: Tokenizer,
    path: Path,
    fractions: tuple[float, float],
    max_tokens: int | None,
    chunk_chars: int,
) -> tuple[NumberedTokens, int, int]:
    """Tokenize a corpus; also how many tokens are for training, and how many for the test.

    The shares for validation and test are of the tokens. With subwords they are of the characters:
    the pieces were learned from the training split, which so is the same for each vocabulary, and
    the same as that of characters.

    Args:
        corpus: the text.
        tokenizer: what splits it.
        path: the file to write; see `number_tokens`.
        fractions: of validation and test, whose sum is below 1.
        max_tokens: the most tokens to take, from the start. The shares are of these tokens then.
        chunk_chars: characters that are tokenized at a time, at least.
    """
    if max_tokens is None and isinstance(tokenizer, SubwordTokenizer):
        parts = split_by_characters(corpus, *fractions)
    else:
        parts = [corpus]
    counts = [0] * len(parts)

    def chunks() -> Iterator[str]:
        for part, text in enumerate(parts):
            for chunk in text.chunks(tokenizer, chunk_chars):
                counts[part] += 1
                yield chunk

    numbered = number_tokens(chunks(), tokenizer, path, max_tokens)
    if len(parts) > 1:
        sizes = iter(length for _, length in numbered.pieces)
        num_train, _, num_test = (sum(islice(sizes, count)) for count in counts)
        return numbered, num_train, num_test
    num_validation, num_test = (math.floor(numbered.num_tokens * share) for share in fractions)
    return numbered, numbered.num_tokens - num_validation - num_test, num_test


def split_by_characters(
    corpus: Corpus, validation_fraction: float, test_fraction: float
) -> list[Corpus]:
    """The training, validation and test splits of a text, as texts of their own.

    The shares are of the characters, rounded down.

    >>> corpus = Corpus("digits", lambda: [["01234", "56789"]])
    >>> [[*part.text()] for part in split_by_characters(corpus, 0.3, 0.1)]
    [['01234', '5'], ['678'], ['9']]
    """
    total = sum(map(len, corpus.text()))
    num_validation, num_test = (
        math.floor(total * fraction) for fraction in (validation_fraction, test_fraction)
    )
    ends = [0, total - num_validation - num_test, total - num_test, total]
    return [_part(corpus, *place) for place in pairwise(ends)]


def first_characters(corpus: Corpus, number: int) -> Corpus:
    """The start of a text."""
    return _part(corpus, 0, number)


def _part(corpus: Corpus, start: int, stop: int) -> Corpus:
    def text() -> Iterator[str]:
        position = 0
        for piece in corpus.text():
            if position >= stop:
                return
            yield piece[max(0, start - position) : stop - position]
            position += len(piece)

    return Corpus(corpus.name, lambda: [text()])
