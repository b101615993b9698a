"""Texts as documents: what stands between markers, files, records."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseq.errors import InputError
from tfseq.text import open_corpus
from tfseq.text.corpora.documents import Marker

MARKERS = ["<|endoftext|>", r"\n%\n", r"\n\n", r"\n", "ab", "é☃", r"a\tb", r"\\n", "aa"]
PARTS = ["<|endoftext|>", "<|end", "%", "\n", "\r\n", "\r", "a", "b", "é", "☃", "\t", "\\n", "x"]


def split(marker, *pieces):
    documents = ("".join(document) for document in Marker(marker).split(pieces))
    return [document for document in documents if document]


@pytest.mark.parametrize(
    ("marker", "text", "documents"),
    [
        ("<|endoftext|>", "one<|endoftext|>two", ["one", "two"]),
        ("<|endoftext|>", "one\n<|endoftext|>\n\ntwo\n", ["one", "\ntwo\n"]),
        ("<|endoftext|>", "one\r\n<|endoftext|>\r\ntwo\r\n<|endoftext|>\r\n", ["one", "two"]),
        ("<|endoftext|>", "<|endoftext|><|endoftext|>a<|endoftext|>", ["a"]),
        ("☃", "a☃\r\n☃b", ["a", "b"]),
        (r"\n%\n", "%\n100 %\n%\n%\r\n50 %!\n%", ["100 %", "50 %!"]),
        (r"\n%\n", "a\r\n%\r\nb\n% c\n", ["a", "b\n% c\n"]),
        (r"\n", "one\r\ntwo\n\nthree", ["one", "two", "three"]),
        (r"\n\n", "one\ntwo\n\n\nthree\r\n\r\nfour\n", ["one\ntwo", "three", "four\n"]),
        (r"\n\n", "one\r\ntwo\r\n\r\nthree\r\r", ["one\r\ntwo", "three"]),
        (r"\\n", "one\\ntwo\nthree", ["one", "two\nthree"]),
        (r"\section", r"a\section b", ["a", " b"]),
        ("a.c", "abca.c\n", ["abc"]),
        ("x", "no such", ["no such"]),
    ],
)
def test_what_stands_between_markers(marker, text, documents):
    assert split(marker, text) == documents
    assert split(marker, *text) == documents


@given(st.sampled_from(MARKERS), st.lists(st.sampled_from(PARTS)), st.data())
def test_pieces_make_no_difference(marker, parts, data):
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert split(marker, *pieces) == split(marker, text)


def places(marker, text, begins=True):
    """Where the markers begin."""
    found = []
    for document in Marker(marker).split([text], begins, lambda place: found.append(place)):
        "".join(document)
    return found


@given(
    st.sampled_from([*MARKERS, r"a\na", r"\naa"]),
    st.sampled_from([PARTS, ["a", "aa", "\n", "\r\n", "b"]]).flatmap(
        lambda parts: st.lists(st.sampled_from(parts), max_size=40)
    ),
)
def test_from_a_free_place_on_the_same_markers_are_found(marker, parts):
    text = "".join(parts)
    whole = places(marker, text)
    for start in range(len(text)):
        place = Marker(marker).free_place(text[start:])
        if place is not None:
            place += start
            found = [place + at for at in places(marker, text[place:], begins=False)]
            assert found == [at for at in whole if at >= place]


def test_a_document_that_is_left_out_is_passed_over():
    documents = Marker("-").split(["a-b", "b-", "c"])
    next(documents)
    assert "".join(next(documents)) == "bb"


def documents_of(*arguments, **options):
    corpus = open_corpus(*map(str, arguments), **options)
    return ["".join(document) for document in corpus.documents()]


def test_files_and_records(tmp_path):
    (tmp_path / "b.txt").write_text("bee")
    (tmp_path / "a.txt").write_text("ant\n")
    assert documents_of(tmp_path, documents="files") == ["ant\n", "bee"]
    records = tmp_path / "c.jsonl"
    records.write_text("".join(json.dumps({"text": t}) + "\n" for t in ("one", "two-three")))
    assert documents_of(records, documents="records") == ["one", "two-three"]
    assert documents_of(records, documents="-") == ["one", "two", "three"]
    with pytest.raises(InputError, match=r"must be records, or a marker, .*c\.jsonl"):
        documents_of(tmp_path, documents="files")
    with pytest.raises(InputError, match=r"needs \.jsonl files\. .*a\.txt is none"):
        documents_of(tmp_path, documents="records")


def test_the_topics_of_python_docs():
    from pydoc_data.topics import topics

    assert documents_of("python_docs", documents="records") == [topics[n] for n in sorted(topics)]
    with pytest.raises(InputError, match="must be records for python_docs"):
        documents_of("python_docs", documents="files")


def test_the_fingerprint_tells_where_documents_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a-b\nc")
    of = {m: open_corpus(str(path), documents=m).fingerprint() for m in (None, "-", "b", r"\n")}
    assert len(set(of.values())) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one, two", r"`documents`: the marker '<e>' does not occur in stories\."),
        ("<e>one<e>\n", r"needs at least two.* stories has one: leave `documents` out\."),
        ("<e><e>", r"stories\.txt is empty\."),
    ],
)
def test_too_few_documents(tmp_path, text, message):
    path = tmp_path / "stories.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        open_corpus(str(path), documents="<e>").check_several_documents()
