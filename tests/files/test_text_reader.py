import gzip
import json
import lzma
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseq.errors import InputError
from tfseq.files.text_reader import read_lines, read_text
from tfseq.text.corpora.corpus_opening import read_documents


def read(path, encoding_errors="strict", text_field="text"):
    documents = read_documents(path, encoding_errors, text_field)
    return ["".join(pieces) for pieces in documents]


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


# The first block ends here: what a test puts about it is in two blocks.
FIRST_BLOCK = 4096


@given(
    data=st.binary() | st.text(st.sampled_from("aé猫\r\n\0")).map(str.encode),
    cut=st.integers(0, 8),
)
def test_bytes_are_read_as_python_does_whatever_the_blocks(tmp_path_factory, data, cut):
    data = b"plain\n" * (FIRST_BLOCK // 6 - 2) + b"." * (16 - cut) + data
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_bytes(data)
    expected = data.decode(errors="replace").replace("\0", "\ufffd")
    assert read(path, "replace") == [expected]
    try:
        data.decode()
    except UnicodeDecodeError as error:
        bad = error.start
    else:
        bad = data.find(b"\0")
    if b"\0" in data[: max(bad, 0)]:
        bad = data.index(b"\0")
    if bad < 0:
        assert read(path) == [expected]
        return
    line = 1 + len(re.findall(b"\r\n|\r|\n", data[:bad]))
    with pytest.raises(InputError, match=rf"at byte {bad}( \(0x..\))?, line {line}\."):
        read(path)


def test_invalid_bytes_name_file_and_offset(write):
    path = write("text.txt", b"caf\xc3\xa9 " * 500_000 + b"\xff!")
    with pytest.raises(
        InputError, match=r"text\.txt is not valid UTF-8: .* at byte 3000000 \(0xff"
    ):
        read(path)
    assert read(path, "replace")[0].endswith("café \ufffd!")


def test_invalid_bytes_within_gzip(write):
    path = write("text.txt.gz", gzip.compress(b"abc\xff"))
    with pytest.raises(InputError, match="at byte 3 of the decompressed text"):
        read(path)


def test_a_byte_order_mark_is_dropped_only_at_the_start(write):
    assert read(write("text.txt", "\ufeffa\ufeffb".encode())) == ["a\ufeffb"]
    assert read(write("rows.jsonl", '\ufeff{"text": "a"}'.encode())) == ["a"]


def test_line_ends_are_kept(write):
    assert read(write("text.txt", b"a\r\nb\rc\n")) == ["a\r\nb\rc\n"]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-5], lambda data: data[:40] + b"?" + data[41:]]
)
def test_broken_gzip(write, damage):
    path = write("text.txt.gz", damage(gzip.compress(bytes(range(128)) * 10)))
    with pytest.raises(InputError, match=r"text\.txt\.gz is not a complete gzip file"):
        read(path)


def test_what_is_no_gzip_at_all(write):
    with pytest.raises(InputError, match="is not a complete gzip file: Not a gzipped file"):
        read(write("text.txt.gz", b"plain text"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "a"', r"rows\.jsonl:2: not JSON: Expecting ',' delimiter at column 13"),
        (b'["a"]', r"rows\.jsonl:2: must be a JSON object\. Received: list"),
        (
            b'{"body": "a", "id": 1}',
            r"no 'text'\. It has: 'body', 'id'\. Name one by `text_field`",
        ),
        (b'{"text": 1}', r"rows\.jsonl:2: its 'text' must be a string\. Received: 1"),
        (
            b'{"text": "\\ud83d"}',
            r"rows\.jsonl:2: its 'text': invalid Unicode: half of a surrogate pair",
        ),
        (b'{"text": "a\\u0000b"}', r"rows\.jsonl:2: its 'text': a NUL at character 1\."),
        (b'{"text": "\xff"}', r"rows\.jsonl is not valid UTF-8: .* at byte 26 "),
        (b'{"id": ' + b"1" * 5000 + b"}", r"rows\.jsonl:2: not JSON: Exceeds the limit"),
        (b"{}", r"rows\.jsonl:2: no 'text'\. It has: nothing"),
        (b"[" * 100_000, r"rows\.jsonl:2: JSON nested too deeply"),
    ],
)
def test_bad_lines_are_named(write, line, message):
    path = write("rows.jsonl", b'{"text": "one"}\n' + line + b"\n")
    with pytest.raises(InputError, match=message):
        read(path)


def test_bad_characters_in_json_can_be_replaced(write):
    path = write(
        "rows.jsonl", b'{"text": "\xff\\ud83d!\\u0000\\ud83d\\ude00"}\n{"text": "\\u0000"}\n'
    )
    assert read(path, "replace") == ["\ufffd\ufffd!\ufffd😀", "\ufffd"]


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.txt cannot be read: No such file"):
        read(tmp_path / "none.txt")


@given(
    pieces=st.lists(st.sampled_from(["a", "\r", "\n", "\r\n", "\u2028", "\x0c", "\x85"])),
    cut=st.integers(0, 4),
)
def test_lines_end_where_a_text_file_s_lines_end(tmp_path_factory, pieces, cut):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_bytes(("." * (FIRST_BLOCK - cut) + "".join(pieces)).encode())
    with path.open(encoding="utf-8", newline="") as file:
        assert list(read_lines(path)) == list(file)


WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
SENTENCES = ["Hello, you there.\nGo on.\n", "Привет, мир\r\nда\r\n", "想要有直升机\n是的\n"]
# Both halves of most of their letters are ASCII.
SENTENCES += ["むかしむかし、\nあるところに、\nおじいさんと\n", "सभी मनुष्यों को गौरव और\nप्राप्त है\n"]


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("text", SENTENCES)
def test_a_byte_order_mark_says_the_encoding(write, encoding, text):
    assert read(write("text.txt", ("\ufeff" + text).encode(encoding))) == [text]
    line = json.dumps({"text": text}, ensure_ascii=False)
    assert read(write("rows.jsonl.gz", gzip.compress(("\ufeff" + line).encode(encoding)))) == [text]


# With characters whose lower byte is 0: 一 (U+4E00), Ā (U+0100), an ideographic space (U+3000).
LOWER_ZEROS = [
    "想要有一架直升机\n是的\n" * 50,
    "Āda ēd ābolus.\nĀrā līst.\n" * 50,
    "\u3000\u3000第一章\u3000想要有直升机。是的。\r\n" * 50,
]


@pytest.mark.parametrize("encoding", WIDE[:2])
@pytest.mark.parametrize("text", [*SENTENCES, *LOWER_ZEROS])
@pytest.mark.parametrize("encoding_errors", ["strict", "replace"])
def test_utf_16_without_a_mark_is_named_and_never_replaced(write, encoding, text, encoding_errors):
    name = encoding.upper().replace("-L", "L").replace("-B", "B")
    with pytest.raises(InputError, match=f"seems to be {name} without a byte order mark. Convert"):
        read(write("text.txt", text.encode(encoding)), encoding_errors)


@given(
    st.text(st.sampled_from("一Āé猫а \n\r.") | st.characters(codec="utf-8"), min_size=1), st.data()
)
def test_utf_8_is_never_taken_for_utf_16(tmp_path_factory, text, data):
    """Also where NUL stands for the end of something, but for what is ASCII without it."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    text = "." + text.replace("\0", " ")
    path.write_bytes(text.encode())
    assert read(path) == [text]
    ends = data.draw(st.sampled_from([" ", "\n", "е", "一"]))
    text = ".é" + text.replace(ends, ends + "\0") * data.draw(st.integers(1, 30))
    path.write_bytes(text.encode())
    assert read(path, "replace") == [text.replace("\0", "\ufffd")]


def test_a_part_of_a_file_is_of_the_format_of_the_whole(write):
    """The first two bytes alone would be a line end of UTF-16."""
    path = write("text.txt", b"\n\0\n\nend")
    parts = [*read_text(path, "replace", 0, 2), *read_text(path, "replace", 2)]
    assert "".join(parts) == "\n\ufffd\n\nend"


def test_bad_bytes_in_another_encoding(write):
    path = write("text.txt", "\ufeffab\n".encode("utf-16-le") + b"\x00\xd8a\x00")
    with pytest.raises(InputError, match=r"not valid UTF-16: .* at byte 8 \(0x00\), line 2\."):
        read(path)
    path = write("text.txt", "\ufeffab\n\0".encode("utf-16-be"))
    with pytest.raises(InputError, match=r"is not text: it has a NUL at byte 8, line 2\."):
        read(path)


def test_a_nul_is_no_text(write):
    path = write("text.txt.gz", gzip.compress(b"one\ntwo\r\nthr\0ee\n" * 3))
    with pytest.raises(InputError, match="a NUL at byte 12 of the decompressed text, line 3"):
        read(path)
    assert read(path, "replace") == ["one\ntwo\r\nthr\ufffdee\n" * 3]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"text", mtime=0), "is compressed by gzip, not text. Give its name the"),
        (lzma.compress(b"text"), "is compressed by xz, not text. Decompress it first"),
        (b"PK\x03\x04rest", "is a ZIP archive, as .xlsx and .docx files are, not text"),
        (b"%PDF-1.7\n", "is a PDF, not text. Save what is in it as text"),
        (b"\x89PNG\r\n\x1a\n", "is an image, not text"),
    ],
)
@pytest.mark.parametrize("encoding_errors", ["strict", "replace"])
def test_other_formats_are_named(write, content, words, encoding_errors):
    with pytest.raises(InputError, match=words):
        read(write("text.txt", content), encoding_errors)


@given(st.data())
def test_a_damaged_gzip_file_is_read_right_or_refused(tmp_path_factory, data):
    """Bytes changed, left out or put in anywhere, and files that are cut."""
    text = "".join(f"line {n}: {n * n % 97}\n" for n in range(200))
    whole = gzip.compress(text.encode(), mtime=0)
    place = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.sampled_from([0, 1, 2, len(whole)]))
    changed = whole[:place] + data.draw(st.binary(max_size=3)) + whole[place + length :]
    path = tmp_path_factory.mktemp("text") / "text.txt.gz"
    path.write_bytes(changed)
    for encoding_errors in ("strict", "replace"):
        # A gzip header's date and name are free; nothing at all is an empty file.
        expected = text if changed else ""
        try:
            found = "".join(read(path, encoding_errors))
        except InputError as error:
            found, expected = str(error)[: len(str(path))], str(path)
        assert found == expected


def test_bad_text_in_a_damaged_gzip_file_is_laid_to_the_damage(write):
    whole = gzip.compress(b"a" * 50 + b"\xff" + b"b" * 50, compresslevel=0, mtime=0)
    path = write("text.txt.gz", whole[:30] + b"?" + whole[31:])
    with pytest.raises(InputError, match="is not a complete gzip file: CRC check failed"):
        read(path)


def test_a_field_that_is_there_twice(write):
    path = write(
        "rows.jsonl", b'{"text": "a", "meta": {"x": 1, "x": 2}}\n{"text": "a", "text": "b"}'
    )
    with pytest.raises(InputError, match=r"rows\.jsonl:2: has the field 'text' twice\."):
        read(path)
