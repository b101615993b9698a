"""The figures of "Dive into Deep Learning", sections 9.2 and 9.3, for The Time Machine.

They count the letters of the text, in its own lines. The corpus is read from the cache, never
downloaded: `python -c 'from tfseq.text import open_corpus; open_corpus("time_machine")'` puts
it there.
"""

from collections import Counter
from itertools import pairwise

import pytest
import tensorflow as tf

from tfseq.text import (
    CharTokenizer,
    Vocabulary,
    WordTokenizer,
    cache_directory,
    count_tokens,
    normalize,
    open_corpus,
)


@pytest.fixture(scope="module")
def corpus():
    path = cache_directory() / "corpora" / "timemachine.txt"
    if not path.is_file():
        pytest.skip(f"the corpus time_machine is not in the cache ({path})")
    return open_corpus("time_machine")


def test_lines(corpus):
    text = "".join(corpus.chunks(CharTokenizer()))
    assert len(text.splitlines()) == 3221
    lines = normalize(tf.constant(text.splitlines()), "letters").numpy()
    assert lines[0].strip() == b"the time machine by h g wells"


def test_characters(corpus):
    tokenizer = CharTokenizer("letters")
    counted = count_tokens(corpus.chunks(tokenizer, 10_000), tokenizer)
    assert counted.total() == 170_580
    assert len(Vocabulary.build(counted)) == 28


def test_words(corpus):
    tokenizer = WordTokenizer("letters")
    counted = count_tokens(corpus.chunks(tokenizer, 10_000), tokenizer)
    assert counted.total() == 32_775
    vocabulary = Vocabulary.build(counted)
    assert len(vocabulary) == 4580
    assert vocabulary.tokens[1:6] == ("the", "i", "and", "of", "a")
    assert counted["the"] == 2261


def test_pairs_of_words(corpus):
    tokenizer = WordTokenizer("letters")
    words = []
    for chunk in corpus.chunks(tokenizer):
        words += tokenizer.tokenize(chunk).numpy().tolist()
    assert Counter(pairwise(words)).most_common(1) == [((b"of", b"the"), 309)]
