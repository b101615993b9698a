"""Text of words that are not easily split."""

import random

from tfseq.text import open_corpus

WORDS = ["the", "The", "cat", "猫", "don't", "x" * 40, "e\u0301", "\n", "\r\n", "<unk>", "1,000"]


def corpus_of_words(place, *sizes):
    """A corpus of a file for each size, in words."""
    draw = random.Random(0)
    for name, size in zip("abc", sizes, strict=True):
        words = " ".join(draw.choices(WORDS, k=size))
        place.joinpath(f"{name}.txt").write_text(words, newline="")
    return open_corpus(str(place))
