"""Files of word vectors as they are published, and as they arrive."""

import gzip
import struct

import numpy as np
import pytest

from tfseq.errors import InputError
from tfseq.files.word_vectors import read_word_vectors, vector_size

GLOVE = "the 0.5 -1 2e-1\n, 1 2 3\n. . . 4 5 6\nthe 9 9 9\ncafé -0.25 0 .5\n5 7 8 9\n"
WANTED = ("<unk>", "the", "café", ". . .", "5", "sea")
ROWS = {
    "the": [0.5, -1, 0.2],
    "café": [-0.25, 0, 0.5],
    ". . .": [4, 5, 6],
    "5": [7, 8, 9],
}


def binary(words, end=b"", count=None):
    """As word2vec writes it; the original program ends each vector with a line end."""
    rows = [w + b" " + struct.pack("<3f", *v) + end for w, v in words]
    return f"{count or len(rows)} 3\n".encode() + b"".join(rows)


def as_binary(end=b""):
    words = [(word.encode(), row) for word, row in ROWS.items() if " " not in word]
    words.insert(1, (b"sea", [1, 2, 3]))
    return binary([*words, (b"\xff\xfe", [1, 1, 1]), (b"the", [9, 9, 9])], end)


FILES = {
    "glove.txt": GLOVE.encode(),
    "word2vec.txt": b"6 3\n" + GLOVE.encode(),
    "tabs.txt": GLOVE.replace(" ", "\t").replace(".\t.\t.", ". . .").encode(),
    "fasttext.vec": ("6 3\n" + GLOVE.replace("\n", " \n")).encode(),
    "windows.txt": b"\xef\xbb\xbf" + GLOVE.replace("\n", "\r\n").encode(),
    "glove.txt.gz": gzip.compress(GLOVE.encode()),
    "odd.txt": b"caf\xe9 1 2 3\n" + GLOVE.encode() + b"\n\n",
    "google.bin": as_binary(),
    "google.bin.gz": gzip.compress(as_binary()),
    "original.bin": as_binary(b"\n"),
}


@pytest.mark.parametrize("name", FILES)
def test_formats(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    assert vector_size(path) == 3
    found = read_word_vectors(path, WANTED)
    assert found.num_words == 6 + (name == "odd.txt")
    assert found.num_repeated == 1
    rows = dict(ROWS)
    if ".bin" in name:  # In this format a space ends a word.
        rows["sea"] = [1, 2, 3]
        del rows[". . ."]
    assert {w: row.dtype for w, row in found.rows.items()} == dict.fromkeys(rows, np.float32)
    for word, row in rows.items():
        np.testing.assert_array_equal(found.rows[word], np.float32(row))


def test_words_at_the_ends_of_what_is_read_at_once(tmp_path):
    """Rows lie across the blocks, in text and in bytes."""
    chance = np.random.default_rng(0)
    rows = {f"w{i}": chance.normal(size=3).astype("float32") for i in range(70_000)}
    text, bytes_ = tmp_path / "a.txt", tmp_path / "a.bin"
    text.write_text("".join(f"{w} {a:.9g} {b:.9g} {c:.9g}\n" for w, (a, b, c) in rows.items()))
    bytes_.write_bytes(binary([(w.encode(), row) for w, row in rows.items()]))
    for path in (text, bytes_):
        found = read_word_vectors(path, {*rows}).rows
        assert found.keys() == rows.keys()
        np.testing.assert_array_equal(np.stack([*found.values()]), np.stack([*rows.values()]))


BROKEN = {
    "short.txt": (b"a 1 2 3\nb 1 2\n", r"short.txt:2: 2 numbers instead of 3"),
    "long.txt": (b"2 3\na 1 2 3\nb 1 2 3 4\n", r"long.txt:3: 4 numbers instead of 3"),
    "word.txt": (b"a 1 2 3\nb 1 x 3\n", r"word.txt:2: 'x' is not a number"),
    "wanted.txt": (b"the 1 2 3\nsea 1 1.2.3 3\n", r"wanted.txt:2: a number is none"),
    "nan.txt": (b"the 1 2 3\nsea 1 nan 3\n", r"nan.txt:2: 'nan' is not a number"),
    "large.txt": (b"the 1 2 3\nsea 1 1e99 3\n", r"large.txt:2: a number is not finite"),
    "empty.txt": (b"", r"empty.txt:1: no word with numbers"),
    "blank.txt": (b"a 1 2\n\nb 1 2\n", r"blank.txt:2: an empty line"),
    "prose.txt": (b"It was the best of times.\n", r"prose.txt:1: no word with numbers"),
    "cut.txt": (b"3 2\na 1 2\nb 1 2\n", r"cut.txt is cut off: .* 3 words, and it ends after 2"),
    "cut.bin": (as_binary()[:-5], r"cut.bin is cut off"),
    "nan.bin": (binary([(b"the", [1, np.nan, 1])]), r"nan.bin: word 1: a number is not finite"),
    "zero.txt": (b"3 0\na\n", r"zero.txt:1: vectors of 0 numbers"),
    "model.bin": (b"\xba\x16\x4f\x2f\x0c\0\0\0", r"model of fastText; name its `.vec` file"),
    "glove.zip": (b"PK\x03\x04rest", r"zip archive; unpack it"),
    "model.kv": (b"\x80\x04\x95", r"is a pickle"),
    "cut.gz": (gzip.compress(GLOVE.encode() * 99)[:-9], r"not a complete gzip file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named(name, tmp_path):
    content, match = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=match) as error:
        read_word_vectors(path, WANTED)
    assert "\n" not in str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        vector_size(tmp_path / "no.vec")
