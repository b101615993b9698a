import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfseq.text.text_files
from tfseq.errors import InputError
from tfseq.text.text_files import read_documents


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


@given(data=st.binary() | st.text().map(str.encode), block=st.integers(1, 5))
def test_bytes_are_read_as_python_does_whatever_the_blocks(tmp_path_factory, data, block):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfseq.text.text_files, "_BLOCK_BYTES", block)
        expected = data.decode(errors="replace").removeprefix("\ufeff")
        assert read(path, "replace") == [expected]
        try:
            data.decode()
        except UnicodeDecodeError as error:
            with pytest.raises(InputError, match=f"at byte {error.start} "):
                read(path)
        else:
            assert read(path) == [expected]


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
    with pytest.raises(InputError, match=r"text\.txt\.gz is not a whole gzip file"):
        read(path)


def test_what_is_no_gzip_at_all(write):
    with pytest.raises(InputError, match="is not a whole gzip file: Not a gzipped file"):
        read(write("text.txt.gz", b"plain text"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "a"', r"rows\.jsonl:2: not JSON: Expecting ',' delimiter at column 13"),
        (b'["a"]', r"rows\.jsonl:2: must be a JSON object\. Received: list"),
        (b'{"body": "a", "id": 1}', r"rows\.jsonl:2: no field 'text'\. Received: body, id"),
        (b'{"text": 1}', r"rows\.jsonl:2: field 'text' must be a string\. Received: int"),
        (b'{"text": "\\ud83d"}', r"rows\.jsonl:2: invalid Unicode: half of a surrogate pair"),
        (b'{"text": "\xff"}', r"rows\.jsonl is not valid UTF-8: .* at byte 26 "),
        (b'{"id": ' + b"1" * 5000 + b"}", r"rows\.jsonl:2: not JSON: Exceeds the limit"),
        (b"{}", r"rows\.jsonl:2: no field 'text'\. Received: none"),
        (b"[" * 100_000, r"rows\.jsonl:2: JSON nested too deeply"),
    ],
)
def test_bad_lines_are_named(write, line, message):
    path = write("rows.jsonl", b'{"text": "one"}\n' + line + b"\n")
    with pytest.raises(InputError, match=message):
        read(path)


def test_bad_characters_in_json_can_be_replaced(write):
    path = write("rows.jsonl", b'{"text": "\xff\\ud83d!\\ud83d\\ude00"}\n')
    assert read(path, "replace") == ["\ufffd\ufffd!😀"]


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.txt cannot be read: No such file"):
        read(tmp_path / "none.txt")
