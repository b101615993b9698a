"""A file of inputs and a file of answers: the same rows in the same order, whatever happens."""

import gzip
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from small_tasks import KINDS

from tfseq.errors import InputError
from tfseq.tasks.prediction.part_files import PartFiles
from tfseq.tasks.prediction.predict_file import predict_file

TEXTS = ["egg tea", "", "rain mud and cold", "猫 naïve", "a"] * 5
VALUES = [[[n / 3, 300 - n]] * (3 + n % 2) for n in range(20)]
INPUTS = {
    "language_model": TEXTS,
    "text_classification": TEXTS,
    "tagging": TEXTS,
    "forecasting": VALUES,
}


def predicted(task, source, output, **more):
    more = {"part_rows": 4, "log": lambda line: None, **more}
    return rows_of(predict_file(task.directory, source, output, **more))


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_objects(path, field, values):
    lines = (json.dumps({"id": n, field: value}) for n, value in enumerate(values))
    path.write_text("\n".join(lines))
    return path


def alone(kind, task, given):
    """The answer to one input, asked for in the task's own way."""
    if kind == "language_model":
        score = task.score(given)
        return {
            "log_probability": score.log_probability,
            "num_tokens": score.num_tokens,
            "perplexity": score.perplexity,
        }
    if kind == "text_classification":
        labels = task.predict(given)
        return {"label": labels[0][0], "score": labels[0][1], "scores": dict(labels)}
    if kind == "tagging":
        return task.predict(given)._asdict()
    forecast = task.predict(np.float32(given))
    return {"forecast": dict(zip(task.labels, forecast.T.tolist(), strict=True))}


def assert_alike(found, expected):
    """Equal, and numbers to the rounding of another batch."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, value in expected.items():
            assert_alike(found[name], value)
    elif np.asarray(expected).dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    else:
        assert found == expected


@pytest.mark.parametrize("kind", KINDS)
def test_each_row_is_the_answer_to_its_input(kind, trained, tmp_path):
    task, field = trained(kind), "values" if kind == "forecasting" else "text"
    source = write_objects(tmp_path / "in.jsonl", field, INPUTS[kind])
    rows = predicted(task, source, tmp_path / "out.jsonl", keep=["id"])
    assert [row.pop("id") for row in rows] == list(range(len(INPUTS[kind])))
    for row, given in zip(rows, INPUTS[kind], strict=True):
        assert_alike(row, alone(kind, task, given))
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out.jsonl"]


def test_every_kind_of_file_gives_the_same(trained, tmp_path):
    task = trained("text_classification")
    texts = [text for text in TEXTS if text]
    sources = {
        "in.txt": "\r\n".join(texts),
        "in.jsonl": "\n".join(json.dumps({"text": text}) for text in texts),
        "in.csv": "\n".join(["number;text", *(f"{n};{text}" for n, text in enumerate(texts))]),
        "in.tsv": "\n".join(["text\tnumber", *(f"{text}\t{n}" for n, text in enumerate(texts))]),
    }
    found = []
    for name, content in sources.items():
        (tmp_path / name).write_text(content)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
        for source in (name, f"{name}.gz"):
            output = tmp_path / f"{source}.out.jsonl"
            found.append(predicted(task, tmp_path / source, output))
    assert len(found[0]) == len(texts)
    assert all(rows == found[0] for rows in found)


def test_parquet_in_and_out(trained, tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="the extra scale is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    task = trained("tagging")
    table = pyarrow.table({"text": TEXTS, "id": range(len(TEXTS))})
    parquet.write_table(table, tmp_path / "in.parquet")
    expected = predicted(task, tmp_path / "in.parquet", tmp_path / "out.jsonl", keep=["id"])
    output = tmp_path / "out.parquet"
    predict_file(
        task.directory, tmp_path / "in.parquet", output, keep=["id"], log=lambda line: None
    )
    assert parquet.read_table(output).to_pylist() == expected
    assert [row["id"] for row in expected] == list(range(len(TEXTS)))


def test_completions(trained, tmp_path):
    task = trained("language_model")
    source = write_objects(tmp_path / "in.jsonl", "prompt", TEXTS)
    settings = {"max_new_tokens": 5, "temperature": 0.7, "seed": 3}
    rows = predicted(task, source, tmp_path / "out.jsonl", field="prompt", settings=settings)
    expected = [task.generate(text, 5, temperature=0.7, seed=3) for text in TEXTS]
    assert [row["completion"] for row in rows] == [one.completion for one in expected]
    assert [row["num_tokens"] for row in rows] == [5] * len(TEXTS)


def test_after_an_interruption_only_what_is_missing_is_done(trained, tmp_path):
    task = trained("text_classification")
    source = write_objects(tmp_path / "in.jsonl", "text", TEXTS)
    expected = predicted(task, source, tmp_path / "whole.jsonl")
    write, written = PartFiles.write, []

    def interrupted(self, number, rows):
        if len(written) == 3:
            raise KeyboardInterrupt
        write(self, number, rows)
        written.append(number)

    with mock.patch.object(PartFiles, "write", interrupted), pytest.raises(KeyboardInterrupt):
        predicted(task, source, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
    again, lines = [], []

    def noted(self, number, rows):
        again.append(number)
        write(self, number, rows)

    with mock.patch.object(PartFiles, "write", noted):
        rows = predicted(task, source, tmp_path / "out.jsonl", log=lines.append)
    assert (written, again) == ([0, 1, 2], [3, 4, 5, 6])
    assert rows == expected
    assert "25 rows, 12 of them before" in lines[-1]
    assert not (tmp_path / "out.jsonl.parts").exists()


@pytest.mark.slow
def test_a_killed_process_goes_on(trained, tmp_path):
    task = trained("language_model")
    source = write_objects(tmp_path / "in.jsonl", "text", TEXTS * 200)
    command = [
        sys.executable,
        str(Path(__file__).parents[3] / "pipelines" / "predict.py"),
        *("--run-dir", str(task.directory), "--input", str(source), "--part-rows", "20"),
        *("--output", str(tmp_path / "out.jsonl")),
    ]
    with subprocess.Popen(command) as process:
        while not (tmp_path / "out.jsonl.parts" / "00000005.jsonl").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "out.jsonl").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "of them before" in done.stdout
    expected = predicted(task, source, tmp_path / "whole.jsonl", part_rows=20)
    assert rows_of(tmp_path / "out.jsonl") == expected


def test_an_empty_file_has_no_rows(trained, tmp_path):
    (tmp_path / "in.txt").write_text("")
    assert (
        predicted(trained("text_classification"), tmp_path / "in.txt", tmp_path / "o.jsonl") == []
    )


@pytest.mark.parametrize(
    ("content", "more", "words"),
    [
        ('{"text": "a"}\n{"words": "b"}', {}, r"`field`: .*in.jsonl:2 has no 'text'"),
        ('{"text": "a"}\n{"text": 3}', {}, r"in.jsonl:2: an input must be a text. Received: 3"),
        ('{"text": "a"}\n{', {}, r"in.jsonl:2: not JSON"),
        ('{"text": "a", "label": 1}', {"keep": ["label"]}, "`keep`: .*'label' of their own"),
        ('{"text": "a"}', {"keep": ["id"]}, r"`keep`: .*in.jsonl:1 has no 'id'"),
        ('{"text": "a"}', {"settings": {"horizon": 3}}, "`horizon` cannot be used here"),
        ('{"text": "a"}', {"part_rows": 0}, "`part_rows` must be a positive integer"),
        ('{"text": "a", "id": NaN}', {"keep": ["id"]}, "in.jsonl:1 has a value that cannot be"),
        ('{"text": "a"}', {"num_workers": 2}, "`num_workers` needs `cluster`"),
    ],
    ids=[
        *("no field", "no text", "no JSON", "clash", "nothing to keep", "setting", "parts"),
        *("not a number", "no cluster"),
    ],
)
def test_refusals_name_the_place(trained, tmp_path, content, more, words):
    (tmp_path / "in.jsonl").write_text(content)
    with pytest.raises((InputError, ValueError), match=words):
        predicted(
            trained("text_classification"), tmp_path / "in.jsonl", tmp_path / "o.jsonl", **more
        )
    assert not (tmp_path / "o.jsonl").exists()


def test_settings_that_do_not_go_together(trained, tmp_path):
    (tmp_path / "in.txt").write_text("a")
    with pytest.raises(InputError, match=r"^`temperature` cannot be used without `max_new_tokens`"):
        predicted(
            trained("language_model"),
            tmp_path / "in.txt",
            tmp_path / "o.jsonl",
            settings={"temperature": 0.5},
        )
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


def test_nothing_is_written_over(trained, tmp_path):
    task = trained("text_classification")
    source = write_objects(tmp_path / "in.jsonl", "text", TEXTS)
    output = tmp_path / "out.jsonl"
    output.write_text("mine")
    with pytest.raises(InputError, match=r"`output` .*out.jsonl exists"):
        predicted(task, source, output)
    assert output.read_text() == "mine"
    output.unlink()
    with mock.patch.object(PartFiles, "join"):
        predict_file(task.directory, source, output, part_rows=4, log=lambda line: None)
    source.write_text(source.read_text() + '\n{"text": "more"}')
    with pytest.raises(InputError, match=r"out.jsonl.parts has parts of other work"):
        predicted(task, source, output)


@pytest.mark.parametrize(("source", "output"), [("in.xml", "o.jsonl"), ("in.txt", "o.csv")])
def test_endings_that_are_none(trained, tmp_path, source, output):
    (tmp_path / source).write_text("a")
    with pytest.raises(InputError, match=r"must end in .*\.jsonl"):
        predicted(trained("text_classification"), tmp_path / source, tmp_path / output)


@pytest.mark.slow
def test_a_cluster_gives_the_same_rows(trained, tmp_path):
    pytest.importorskip("ray", reason="the extra scale is not installed")
    task = trained("tagging")
    source = write_objects(tmp_path / "in.jsonl", "text", TEXTS)
    expected = predicted(task, source, tmp_path / "here.jsonl")
    found = predicted(task, source, tmp_path / "there.jsonl", cluster="auto", num_workers=2)
    for row, other in zip(found, expected, strict=True):
        assert row["tokens"] == other["tokens"]
        np.testing.assert_allclose(row["scores"], other["scores"], rtol=1e-5)


@pytest.mark.slow
def test_a_bad_row_on_a_cluster_is_named(trained, tmp_path):
    pytest.importorskip("ray", reason="the extra scale is not installed")
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n{"text": 3}')
    with pytest.raises(InputError, match=r"in.jsonl:2: an input must be a text"):
        predicted(
            trained("text_classification"),
            tmp_path / "in.jsonl",
            tmp_path / "out.jsonl",
            cluster="auto",
            num_workers=1,
        )
