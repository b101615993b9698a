import hashlib
import io
from itertools import chain, product

import pytest
import tensorflow as tf
from hypothesis import example, given
from hypothesis import strategies as st

import tfseq.text.corpora.corpus
from tfseq.text import CharTokenizer, Corpus, WhitespaceTokenizer, WordTokenizer

TOKENIZERS = [
    kind(normalization, case_fold)
    for kind, normalization, case_fold in product(
        (CharTokenizer, WordTokenizer), ("none", "nfkc", "letters"), (False, True)
    )
]
TOKENIZERS += [
    WhitespaceTokenizer(),
    WhitespaceTokenizer("nfkc", line_ends=True),
    WordTokenizer(line_ends=True),
    WordTokenizer("letters", line_ends=True),
]
# What joins, folds, frames or separates: the characters beside which a cut could do harm.
ODD = (
    "aZß \n\r\t\v\x1c\xa0\x85\u3000\x00'’.,-()ΣςﬁİⅧ"
    "é\u0301\u0308\u0344\u200d\xad👩中か\u3099ｶﾞ가각\u1100\u1161\u11a8"
)
TEXT = st.text(st.sampled_from(ODD) | st.characters(exclude_categories=["Cs"]))


def corpus_of(*documents):
    return Corpus("test", lambda: documents)


def tokens_of(texts, tokenizer):
    return list(chain.from_iterable(tokenizer.tokenize(tf.constant(t)).numpy() for t in texts))


@pytest.mark.everyday(2)
@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda tokenizer: repr(tokenizer))
@given(st.lists(st.lists(TEXT, max_size=3), min_size=1, max_size=3), st.integers(1, 9))
@example([["the ", "Time"], ["Machine"]], 1)
@example([["a 'b' don't ''"]], 1)
@example([["e", "\u0301", "e\u0301"]], 1)
@example([["か\u3099か\u3099中\u200d中"]], 1)
def test_chunks_have_the_tokens_of_the_whole(tokenizer, documents, chunk_chars):
    corpus = corpus_of(*documents)
    whole = "".join(corpus.chunks(tokenizer, 1 << 20))
    chunks = list(corpus.chunks(tokenizer, chunk_chars))
    assert "".join(chunks) == whole
    assert all(len(chunk) >= chunk_chars for chunk in chunks[:-1])
    assert tokens_of(chunks, tokenizer) == tokens_of([whole], tokenizer)


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda tokenizer: repr(tokenizer))
def test_ordinary_text_is_cut_soon(tokenizer):
    text = "The time traveller said: 'It's a well-known fact.'\n" * 100
    assert max(map(len, corpus_of([text]).chunks(tokenizer, 100))) < 120


@pytest.mark.parametrize(
    "tokenizer", [CharTokenizer("nfkc"), WordTokenizer(), WordTokenizer("nfkc")]
)
def test_chinese_without_spaces_is_cut_soon(tokenizer):
    assert max(map(len, corpus_of(["想要有直升机" * 100]).chunks(tokenizer, 50))) < 60


def test_documents_are_joined_by_a_newline_where_there_is_none():
    corpus = corpus_of(["one"], ["tw", "o\n"], [], ["", ""], ["three\r"], ["four"])
    assert list(corpus.chunks(CharTokenizer())) == ["one\ntwo\nthree\rfour"]


@given(st.lists(st.text("ab \r\n\x0b\x1c\u2028"), min_size=1, max_size=3), st.integers(1, 5))
@example(["a\r\nb"], 1)
@example(["a\nb\n", " "], 1)
def test_every_line_ends_in_a_token(documents, chunk_chars):
    """As in published figures, where the lines of a file are split by Python."""
    tokenizer = WhitespaceTokenizer(line_ends=True)
    corpus = corpus_of(*([document] for document in documents))
    expected = []
    for line in io.StringIO("".join(corpus.text()), newline=None):
        expected += [*line.split(), "<eos>"]
    tokens = tokens_of(corpus.chunks(tokenizer, chunk_chars), tokenizer)
    assert [token.decode() for token in tokens] == expected


def test_letters_strips_the_outer_lines_of_documents():
    corpus = corpus_of(["  One two. "], [" (three) "])
    chunks = corpus.chunks(CharTokenizer("letters"))
    assert b"".join(tokens_of(chunks, CharTokenizer("letters"))) == b"one twothree"


def test_text_without_a_boundary_is_cut_in_the_end(monkeypatch):
    monkeypatch.setattr(tfseq.text.corpora.corpus, "MAX_SEARCH", 20)
    corpus = corpus_of(["x" * 95 + " y"])
    assert list(map(len, corpus.chunks(WordTokenizer(), 10))) == [30, 30, 30, 7]
    assert list(map(len, corpus_of("x" * 95).chunks(WordTokenizer(), 10))) == [30, 30, 30, 5]


def test_text_is_read_as_it_is_needed():
    read = 0

    def documents():
        nonlocal read
        while read < 1000:
            read += 1
            yield ["ten chars\n"]

    chunks = Corpus("test", documents).chunks(WordTokenizer(), 100)
    for i in range(1, 11):
        next(chunks)
        assert read <= 10 * i + 11


def test_fingerprint_is_that_of_the_joined_text():
    expected = hashlib.sha256("one\nzwölf\n".encode()).hexdigest()
    assert corpus_of(["one"], ["zw", "ölf\n"]).fingerprint() == expected
    assert corpus_of(["one\nzwölf\n"]).fingerprint() == expected
    assert corpus_of(["one"], ["zwölf"]).fingerprint() != expected


def test_a_corpus_can_be_read_again():
    corpus = corpus_of(["one two"])
    assert list(corpus.chunks(CharTokenizer())) == list(corpus.chunks(CharTokenizer()))


def test_chunk_chars_must_be_positive():
    with pytest.raises(ValueError, match="`chunk_chars` must be a positive"):
        corpus_of(["a"]).chunks(CharTokenizer(), 0)
