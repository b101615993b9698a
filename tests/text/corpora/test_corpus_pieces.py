"""The text of files in pieces: joined it is the text, tokenized apart its tokens are the same."""

import functools
import gzip
import itertools
import json

import hypothesis
import hypothesis.strategies as st
import pytest

import tfseq.text.corpora.corpus_pieces as corpus_pieces
from tfseq.errors import InputError
from tfseq.text import SubwordTokenizer, make_tokenizer, open_corpus
from tfseq.text.corpora.corpus_pieces import START, CorpusPieces, NoPlaceToCutError, Place
from tfseq.text.tokenizers.make_tokenizer import as_tokenizer

# What is hard to cut, and what is near it.
PARTS = [
    *(b"\n", b"\r\n", b"\r", b"\n\n", b" ", b"  ", b"\t", b"\0", b"<eos>", b"'", b"'tis", b"don't"),
    *(b"a", b"The", b"x.y", b"1,000", b"B-", b"end."),
    *(
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xe2",
        b"\xe2\x82",
        b"\x80\x80\x80\x80",
        b"\xed\xa0\x80",
        b"\xc3",
    ),
    *(c.encode() for c in "é猫かが\u0301\u3099\u00ad▁\u2028\u0085İﬁ½한ㅏ"),
    *(
        c.encode()
        for c in ("👩\u200d👩\u200d👧", "👍🏽", "🇫🇮", "5\ufe0f\u20e3", "e\u0301", "ᄒ", "ᅡ")
    ),
]
TEXTS = st.lists(st.sampled_from(PARTS), max_size=25).map(b"".join)
SETTINGS = [
    {"kind": kind, "normalization": normalization, **extra}
    for kind, extra in (
        ("char", {}),
        ("char", {"case_fold": True}),
        ("word", {}),
        ("word", {"line_ends": True}),
        ("whitespace", {"case_fold": True}),
        ("whitespace", {"line_ends": True}),
        ("subword", {}),
    )
    for normalization in ("none", "nfkc", "letters")
]


@functools.cache
def tokenizer_of(number):
    settings = dict(SETTINGS[number])
    if settings["kind"] != "subword":
        return make_tokenizer(settings)
    learned = ["The cat's end. \n", "don't 1,000 猫か \r\n"] * 9
    return SubwordTokenizer.learn(learned, 272, settings["normalization"])


def tokens(tokenizer, chunks):
    return [t for chunk in chunks for t in tokenizer.tokenize(chunk).numpy().tolist()]


def places_of(pieces, targets, tokenizer):
    places = [START, *(pieces.cut(target, tokenizer) for target in targets if target != START)]
    return [*itertools.pairwise([*places, None])]


def in_pieces(source, targets, tokenizer, chunk_chars=8):
    """The tokens of the pieces that begin at targets, each tokenized alone."""
    pieces = CorpusPieces(source)
    return [
        token
        for start, stop in places_of(pieces, targets, tokenizer)
        if start is not None
        for token in tokens(tokenizer, pieces.chunks(start, stop, tokenizer, chunk_chars))
    ]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("pieces")


def written(directory, contents, name="{}.txt"):
    place = directory / str(len([*directory.iterdir()]))
    place.mkdir()
    for number, content in enumerate(contents):
        path = place / name.format(number)
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return open_corpus(str(place), "replace")


def check_every_target(corpus, tokenizer, targets):
    whole = tokens(tokenizer, corpus.chunks(tokenizer))
    assert in_pieces(corpus.source, targets, tokenizer) == whole


def opened(directory, contents, name="{}.txt"):
    try:
        corpus = written(directory, contents, name)
        corpus.fingerprint()
    except InputError:  # Nothing at all, or as UTF-16 is.
        hypothesis.reject()
    return corpus


def some_targets(corpus, data):
    every = [
        Place(number, byte)
        for number, path in enumerate(corpus.source.files)
        for byte in range(path.stat().st_size)
    ]
    return sorted(data.draw(st.sets(st.sampled_from(every), max_size=8)), key=as_pair)


def as_pair(place):
    return place.file, place.byte


FILES = st.lists(TEXTS, min_size=1, max_size=3).filter(any)
NUMBERS = st.integers(0, len(SETTINGS) - 1)


def check_tokens(directory, contents, number, data):
    """Bytes that are not UTF-8, line ends of three kinds, marks and joined characters at the ends
    of pieces and of files."""
    corpus = opened(directory, contents)
    check_every_target(corpus, tokenizer_of(number), some_targets(corpus, data))


@hypothesis.given(FILES, NUMBERS, st.data())
@hypothesis.settings(max_examples=25)
def test_tokens_of_pieces_are_those_of_the_whole(directory, contents, number, data):
    check_tokens(directory, contents, number, data)


@pytest.mark.slow
@hypothesis.given(FILES, NUMBERS, st.data())
@hypothesis.settings(max_examples=1500)
def test_tokens_of_many_pieces_are_those_of_the_whole(directory, contents, number, data):
    check_tokens(directory, contents, number, data)


@hypothesis.given(
    st.lists(
        st.lists(TEXTS.map(lambda text: text.decode(errors="replace")), max_size=4), max_size=3
    ),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    st.sampled_from(["", "\ufeff"]),
    st.data(),
)
@hypothesis.settings(max_examples=60)
def test_records_in_pieces_join_to_the_text(directory, files, line_end, mark, data):
    contents = [
        "".join([mark, *(json.dumps({"text": text}) + line_end for text in texts)]).encode()
        for texts in files
    ]
    hypothesis.assume(any("".join(texts) for texts in files))
    check_joined(opened(directory, contents, "{}.jsonl"), data)


@hypothesis.given(FILES, st.data())
@hypothesis.settings(max_examples=100)
def test_pieces_join_to_the_text(directory, contents, data):
    check_joined(opened(directory, contents), data)


def check_joined(corpus, data):
    anywhere = make_tokenizer({"kind": "char"})
    pieces = CorpusPieces(corpus.source)
    read = [
        "".join(pieces.text(start, stop))
        for start, stop in places_of(pieces, some_targets(corpus, data), anywhere)
        if start is not None
    ]
    assert "".join(read) == "".join(corpus.text())


@pytest.mark.parametrize("name", ["{}.txt.gz", "{}.txt"])
def test_a_file_is_read_from_the_middle_only_where_it_can_be(directory, name):
    """Not one that is compressed, nor one in UTF-16; their pieces begin with a file."""
    text = "One two, three.\n" * 9
    content = text.encode() if name.endswith(".gz") else text.encode("utf-16")
    corpus = written(directory, [content, content, b"", b"four"], name)
    targets = CorpusPieces(corpus.source).targets(20)
    assert all(target.byte == 0 for target in targets)
    assert [target.file for target in targets][:2] == [0, 1]
    check_every_target(corpus, make_tokenizer({"kind": "word"}), targets)


@pytest.mark.parametrize("byte", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["{}.txt", "{}.jsonl"])
def test_a_piece_begins_in_a_byte_order_mark(directory, name, byte):
    """What joins two files stands before the first character of the second, not within it."""
    texts = ["one", "two"] if name == "{}.txt" else ['{"text": "one"}', '{"text": "two"}']
    corpus = written(directory, [b"\xef\xbb\xbf" + text.encode() for text in texts], name)
    tokenizer = make_tokenizer({"kind": "char"})
    assert b"".join(in_pieces(corpus.source, [Place(1, byte)], tokenizer)) == b"one\ntwo"


def test_targets_are_evenly_spread_over_files(directory):
    corpus = written(directory, [b"a" * 25, b"b" * 4, b"c" * 30])
    targets = CorpusPieces(corpus.source).targets(10)
    sizes = [0, 25, 29]
    assert [sizes[t.file] + t.byte for t in targets] == [0, 10, 20, 30, 40, 50]


def test_a_text_without_a_place_to_cut_is_said_to_be_one(directory, monkeypatch):
    """Where it is cut then depends on where reading began: see `Corpus.chunks`."""
    monkeypatch.setattr(corpus_pieces, "MAX_SEARCH", 40)
    corpus = written(directory, [b"a " * 30 + b"b" * 60 + b" c" * 30])
    tokenizer = as_tokenizer(make_tokenizer({"kind": "word"}))
    with pytest.raises(NoPlaceToCutError):
        in_pieces(corpus.source, [Place(0, 70)], tokenizer)
    with pytest.raises(NoPlaceToCutError):
        in_pieces(corpus.source, [Place(0, 10)], tokenizer)
    assert len(in_pieces(written(directory, [b"a " * 99]).source, [Place(0, 70)], tokenizer)) == 99
