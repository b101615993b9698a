"""Files as they are found in the wild: read as they are meant, or refused in one line."""

import json

import pytest

from tfseq.errors import InputError
from tfseq.tasks.prediction.predict_file import predict_file

MANY = json.dumps({"text": "egg", "id": 2**70, "more": {"é": [1, {"猫": None}]}})


def answered(task, path, **more):
    output = path.with_name("out.jsonl")
    predict_file(task.directory, path, output, log=lambda line: None, **more)
    return [json.loads(line) for line in output.read_bytes().splitlines()]


@pytest.mark.everyday(3)
@pytest.mark.parametrize(
    ("name", "content", "field", "texts"),
    [
        ("a.csv", b"\xef\xbb\xbftext,id\r\negg tea,1\r\n", "text", ["egg tea"]),
        ("a.csv", b'id,text\n1,"egg\r\ntea, ""x"""\n\n2,""\n', "text", ['egg\r\ntea, "x"', ""]),
        ("a.csv", b" my  text ;id\na;1\n", "my text", ["a"]),
        ("a.txt", "egg\r\n\ntea".encode("utf-16"), "text", ["egg", "", "tea"]),
        ("a.txt", "egg\u2028tea\u0085x\n".encode(), "text", ["egg\u2028tea\u0085x"]),
        ("a.jsonl", b'\xef\xbb\xbf{"text": "egg"}\r\n\r\n{"text": ""}', "text", ["egg", ""]),
        ("a.jsonl", b'{"text": "a\\u0000b"}', "text", ["a\0b"]),
        ("a.jsonl", '{"prénom": "猫"}'.encode(), "prénom", ["猫"]),
        ("a.txt", b"egg " * 40_000, "text", ["egg " * 40_000]),
    ],
    ids=[
        *("mark", "quotes", "spaces", "UTF-16", "line ends that are none", "mark and CRLF"),
        *("NUL", "name", "long"),
    ],
)
@pytest.mark.filterwarnings("ignore:Of `text` the first")
def test_texts_are_read_as_they_are_meant(trained, tmp_path, name, content, field, texts):
    task, path = trained("text_classification"), tmp_path / name
    path.write_bytes(content)
    rows = answered(task, path, field=field, keep=[field])
    assert [row[field] for row in rows] == texts
    assert [row["label"] for row in rows] == [labels[0][0] for labels in task.predict(texts)]


def test_half_a_character_is_read_as_everywhere(trained, tmp_path):
    """It could not be kept."""
    task, path = trained("text_classification"), tmp_path / "a.jsonl"
    path.write_text('{"text": "a\\ud800b"}')
    expected = task.predict("a\ud800b")
    (row,) = answered(task, path)
    assert row["label"] == expected[0][0]
    assert row["scores"] == pytest.approx(dict(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "Zürich".encode("latin-1"), "not valid UTF-8: invalid start byte at byte 1"),
        ("a.txt", b"egg\nt\0a tea", "it has a NUL at byte 5, line 2"),
        ("a.csv", b"text,text\na,b\n", "names a column twice: text"),
        ("a.csv", b'text,id\n"egg,1\nb,2\n', "a.csv:2: a double quote .* never closed"),
        ("a.csv", b"text,id\n\na,1\nb\n", "a.csv:4: a row must have 2 cells"),
        ("a.csv", b"", "a.csv is empty"),
        ("a.jsonl", b'{"text": "a", "text": "b"}', "a.jsonl:1: has the field 'text' twice"),
        ("a.jsonl", b'[{"text": "a"}]', "a.jsonl:1: must be a JSON object. Received: list"),
        ("a.jsonl", b'{"text": null}', "a.jsonl:1: an input must be a text. Received: None"),
        ("a.jsonl", b'{"text": ' + b"[" * 100_000, "a.jsonl:1: (JSON nested too deeply|not JSON)"),
        ("a.txt.gz", b"egg", "not a complete gzip file"),
        ("a.parquet", b"egg", "cannot be read as Parquet: "),
    ],
)
def test_others_are_refused_before_any_work(trained, tmp_path, name, content, words):
    if name == "a.parquet":
        pytest.importorskip("pyarrow", reason="the extra scale is not installed")
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as raised:
        answered(trained("text_classification"), path)
    assert "\n" not in str(raised.value)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_what_is_kept_is_what_json_can_hold(trained, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(MANY + "\n" + '{"text": "tea", "id": NaN, "more": 1e999}')
    rows = answered(trained("text_classification"), path, keep=["id", "more"])
    assert rows[0]["id"] == 2**70
    assert rows[0]["more"] == {"é": [1, {"猫": None}]}
    assert (rows[1]["id"], rows[1]["more"]) == (None, None)


def test_columns_of_parquet(trained, tmp_path):
    import datetime
    import decimal

    pyarrow = pytest.importorskip("pyarrow", reason="the extra scale is not installed")
    parquet, path = pytest.importorskip("pyarrow.parquet"), tmp_path / "a.parquet"
    columns = {
        "text": ["egg", "tea"],
        "day": [datetime.datetime(2020, 5, 1), None],
        "price": [decimal.Decimal("1.10"), None],
        "number": [float("nan"), 1.5],
    }
    parquet.write_table(pyarrow.table(columns), path)
    rows = answered(trained("text_classification"), path, keep=["day", "price", "number"])
    kept = [[row[name] for name in ("day", "price", "number")] for row in rows]
    assert kept == [["2020-05-01T00:00:00", "1.10", None], [None, None, 1.5]]
    twice = pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 2, names=["text", "text"])
    parquet.write_table(twice, path)
    (tmp_path / "out.jsonl").unlink()
    with pytest.raises(InputError, match="names a column twice: text"):
        answered(trained("text_classification"), path)


@pytest.mark.slow
def test_forecasts_of_what_is_missing(trained, tmp_path):
    task, path = trained("forecasting"), tmp_path / "a.jsonl"
    path.write_text('{"values": [[1, 300], [NaN, null], [0, 301]]}\n{"values": [[null, null]]}')
    rows = answered(task, path)
    nan = float("nan")
    for row, given in zip(rows, ([[1, 300], [nan, nan], [0, 301]], [[nan, nan]]), strict=True):
        expected = task.predict(given).T
        for found, values in zip(row["forecast"].values(), expected, strict=True):
            assert found == pytest.approx(values.tolist(), rel=1e-4, abs=1e-4)
