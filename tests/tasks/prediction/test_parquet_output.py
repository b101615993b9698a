"""Rows of many kinds as one Parquet file, read back by PyArrow."""

import json

import pytest

from tfseq.tasks.prediction.parquet_output import write_parquet


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([[{"a": 1}], [{"a": 2.5}], [{"a": None}]], [1.0, 2.5, None]),
        ([[{"a": 1}, {"a": None}], [{"a": "x"}]], ["1", None, '"x"']),
        ([[{"a": 2**63 - 1}], [{"a": None}]], [2**63 - 1, None]),
        ([[{"a": 2**63 - 1}], [{"a": 1.5}]], [str(2**63 - 1), "1.5"]),
        ([[{"a": 2**63 - 1}], [{"a": None}], [{"a": 1.5}]], [str(2**63 - 1), None, "1.5"]),
        ([[{"a": [2**60 + 1]}], [{"a": [0.5]}]], [f"[{2**60 + 1}]", "[0.5]"]),
        ([[{"a": [0.5]}], [{"a": [2**60 + 1]}]], ["[0.5]", f"[{2**60 + 1}]"]),
        ([[{"a": {"x": 0.5}}], [{"a": {"x": 2**60 + 1}}]], ['{"x": 0.5}', f'{{"x": {2**60 + 1}}}']),
        ([[{"a": [[]]}], [{"a": [[1]]}], [{"a": [[0.5]]}]], [[[]], [[1.0]], [[0.5]]]),
        ([[{"a": 2**70}]], [str(2**70)]),
        ([[{"a": True}], [{"a": 1}]], ["true", "1"]),
        ([[{"a": []}], [{"a": ["é"]}]], [[], ["é"]]),
        ([[{"a": ["é", 1]}]], ['["é", 1]']),
        ([[{"a": {}}], [{"a": {"b": 1}}]], [{"b": None}, {"b": 1}]),
        ([[{"a": [{}]}], [{}]], ["[{}]", None]),
        ([[{"a": {"x": 0.5}}], [{"a": {"x": 1}}]], [{"x": 0.5}, {"x": 1.0}]),
        ([], []),
    ],
)
def test_a_column_has_the_type_that_fits_all_parts(tmp_path, parts, expected):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra scale is not installed")
    paths = [tmp_path / f"{number}.jsonl" for number in range(len(parts))]
    for path, rows in zip(paths, parts, strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_parquet(paths, tmp_path / "all.parquet")
    found = parquet.read_table(tmp_path / "all.parquet").to_pylist()
    assert [row["a"] for row in found] == expected
    assert [*map(type, (row["a"] for row in found))] == [*map(type, expected)]
