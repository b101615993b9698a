"""A text of any length, whose words follow the laws of Zipf and Heaps."""

from pathlib import Path

import numpy as np

_WORDS_AT_A_TIME = 1 << 20
_WORDS_OF_A_LINE = 12
_CONSONANTS, _VOWELS = "tnshrdlcmfwgypbvkjxqz", "eaoiu"
_SYLLABLES = [a + b + c for c in _CONSONANTS for b in _VOWELS for a in _CONSONANTS]
_LETTERS = np.array([[*syllable.encode()] for syllable in _SYLLABLES], np.uint8).T


def write_zipf_text(path: Path, size: int, exponent: float = 1.7, shift: float = 60.0) -> None:
    """Write words until the file has so many bytes.

    The word of rank k = 0, 1, … is drawn with P(rank ≥ k) = (1 + k / shift)^(1 − exponent). So
    the distinct words of n words are about as many as n^(1 / exponent), for any n: there is no last
    word. A word is its rank in syllables, so that frequent words are short.

    Args:
        path: the file to write.
        size: its bytes.
        exponent: of Zipf's law, more than 1.
        shift: the larger, the rarer the first words.
    """
    chance = np.random.default_rng(0)
    with path.open("wb") as file:
        left = size
        while left > 0:
            uniform = 1.0 - chance.random(min(_WORDS_AT_A_TIME, 1 + left // 3))
            ranks = shift * (uniform ** (1 / (1 - exponent)) - 1)
            content = spelled(np.minimum(ranks, 2.0**60).astype(np.int64))
            left -= file.write(content[:left])


def spelled(ranks: np.ndarray) -> bytes:
    """Ranks as words, with a space or a line end after each.

    >>> spelled(np.array([0, 1, 2205]))
    b'tet net tettet '
    """
    columns, rest, more = [], ranks, np.ones(len(ranks), bool)
    while more.any():
        digits = rest % len(_SYLLABLES)
        columns += [np.where(more, letters[digits], 0) for letters in _LETTERS]
        rest = rest // len(_SYLLABLES) - 1
        more = more & (rest >= 0)
        rest = np.maximum(rest, 0)
    ends = np.full(len(ranks), ord(" "), np.uint8)
    ends[_WORDS_OF_A_LINE - 1 :: _WORDS_OF_A_LINE] = ord("\n")
    letters = np.stack([*columns, ends], 1)
    return letters[letters > 0].tobytes()
