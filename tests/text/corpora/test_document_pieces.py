"""The documents of files in pieces: each is in one of them, whole."""

import codecs

import hypothesis
import hypothesis.strategies as st

import tfseq.text.corpora.document_pieces as document_pieces
from tfseq.errors import InputError
from tfseq.text import open_corpus
from tfseq.text.corpora.document_pieces import DocumentPieces

MARKERS = ["<|end|>", r"\n%\n", r"\n\n", r"\n", "ab", "é☃", "aa", r"a\na", r"\naa", r"\n%\n%\n"]
PARTS = ["<|end|>", "<|en", "%", "\n", "\r\n", "\r", "a", "b", "é", "☃", "\n%\n%", "aaaa", "words "]
# Of these, markers overlap.
FEW = ["a", "aa", "\n", "\r\n", "b"]


@hypothesis.given(
    st.sampled_from(MARKERS),
    st.sampled_from([PARTS, FEW]).flatmap(
        lambda parts: st.lists(
            st.lists(st.sampled_from(parts), max_size=40), min_size=1, max_size=3
        )
    ),
    st.integers(1, 60),
    st.booleans(),
    st.sampled_from([b"", codecs.BOM_UTF8]),
)
@hypothesis.settings(max_examples=100)
def test_markers_are_found_from_any_place_on(tmp_path_factory, marker, files, size, invalid, mark):
    """Also those that overlap, or are like others in part, and beside bytes that are no UTF-8."""
    place = tmp_path_factory.mktemp("texts")
    for number, parts in enumerate(files):
        text = "".join(parts).encode()
        place.joinpath(f"{number}.txt").write_bytes(
            mark + (text[:7] + b"\xe2\x98" + text[7:] + b"\xff" if invalid else text)
        )
    try:
        corpus = open_corpus(str(place), "replace", documents=marker)
    except InputError:
        return  # There is nothing but markers.
    pieces = DocumentPieces(corpus.source)
    found = ["".join(d) for ends in pieces.ends(size) for d in pieces.documents(*ends)]
    assert [*filter(None, found)] == [*filter(None, map("".join, corpus.documents()))]


def test_a_piece_within_a_document_reads_no_more_than_itself(tmp_path, monkeypatch):
    """Of a document of many pieces, the first piece alone reads all."""
    path, sizes = tmp_path / "long.txt", []
    path.write_text("one<e>" + "and so on, " * 1_000_000 + "<e>two")
    read = document_pieces.read_text

    def watched(*how):
        for text in read(*how):
            sizes[-1] += len(text)
            yield text

    monkeypatch.setattr(document_pieces, "read_text", watched)
    pieces = DocumentPieces(open_corpus(str(path), documents="<e>").source)
    lengths = []
    for ends in pieces.ends(1 << 20):
        sizes.append(0)
        lengths.append([len("".join(document)) for document in pieces.documents(*ends)])
    assert [length for length in lengths if length] == [[3, 11_000_000], [3]]
    assert max(sizes[1:]) <= 5 << 20
