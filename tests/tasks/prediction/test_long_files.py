"""Memory for files of any length: a few parts, whatever follows."""

import json
import tracemalloc
import types

import pytest

import tfseq
from tfseq.tasks.prediction import chosen
from tfseq.tasks.prediction.chosen import grouped
from tfseq.tasks.prediction.predict_file import predict_file


@pytest.fixture
def quick(trained, monkeypatch):
    """A task that has the length of a text for an answer."""
    task = trained("text_classification")
    quick = types.SimpleNamespace(
        run=task.run,
        directory=task.directory,
        input_field="text",
        check_arguments=lambda *given: None,
        predict_rows=lambda inputs, first_row=0: [{"length": len(text)} for text in inputs],
    )
    monkeypatch.setattr(tfseq, "load", lambda run_dir, expected: quick)
    return task.directory


@pytest.mark.parametrize("ending", ["jsonl", pytest.param("parquet", marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_file(quick, tmp_path, ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="the extra scale is not installed")
    source, text = tmp_path / "in.jsonl", "egg " * 250

    def peak(num_rows):
        with source.open("w") as file:
            for number in range(num_rows):
                file.write(json.dumps({"id": number, "text": f"{number} {text}"}) + "\n")
        output = tmp_path / f"{num_rows}.{ending}"
        tracemalloc.start()
        try:
            predict_file(quick, source, output, keep=["text"], part_rows=100, log=lambda line: None)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(200)
    # 4,000 more texts of 1,000 characters, each of them kept; files are read in blocks of 1 MB.
    assert peak(8_000) < peak(4_000) + 1_000_000


def test_parts_are_bounded_by_their_size_too(monkeypatch):
    monkeypatch.setattr(chosen, "_MOST_VALUES", 10)
    rows = [(("a:1", given), {}) for given in ("egg", "a" * 30, [[1, 2], [3, 4]], "tea", "b", "c")]
    sizes = [len(group) for group in grouped(rows, 2)]
    assert sizes == [2, 2, 2]
    sizes = [len(group) for group in grouped(rows[1:2] * 3, 100)]
    assert sizes == [1, 1, 1]
