"""A file of inputs and a file of answers: the same rows in the same order, whatever happens."""

import gzip
import json
from unittest import mock

import numpy as np
import pytest
from predicted_files import TEXTS, predicted, write_objects
from small_tasks import KINDS

from tfseq.errors import InputError
from tfseq.tasks.prediction.part_files import PartFiles
from tfseq.tasks.prediction.predict_file import predict_file

VALUES = [[[n / 3, 300 - n]] * (3 + n % 2) for n in range(20)]
INPUTS = {
    "language_model": TEXTS,
    "text_classification": TEXTS,
    "tagging": TEXTS,
    "forecasting": VALUES,
}


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


@pytest.mark.everyday(2)
@pytest.mark.parametrize("kind", KINDS)
def test_each_row_is_the_answer_to_its_input(kind, trained, tmp_path):
    task, field = trained(kind), "values" if kind == "forecasting" else "text"
    source = write_objects(tmp_path / "in.jsonl", field, INPUTS[kind])
    rows = predicted(task, source, tmp_path / "out.jsonl", keep=["id"])
    assert [row.pop("id") for row in rows] == list(range(len(INPUTS[kind])))
    for row, given in zip(rows, INPUTS[kind], strict=True):
        assert_alike(row, alone(kind, task, given))
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out.jsonl"]


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("num_samples", [1, 2])
def test_each_text_has_a_seed_of_its_own(trained, tmp_path, num_samples):
    """As if each had been asked for alone with that seed, whatever part it is in."""
    task = trained("language_model")
    source = write_objects(tmp_path / "in.jsonl", "prompt", TEXTS[:9])
    how = {"temperature": 0.7, "top_k": 5, "min_p": 0.01, "stop_strings": ["e"]}
    settings = {"write": {"max_new_tokens": 5, "seed": 3, "num_samples": num_samples, **how}}
    rows = predicted(task, source, tmp_path / "out.jsonl", field="prompt", settings=settings)
    found = [text for row in rows for text in row.get("completions", [row])]
    prompts = [text for text in TEXTS[:9] for _ in range(num_samples)]
    assert [text["seed"] for text in found] == [3 + n for n in range(len(prompts))]
    expected = [task.generate(prompt, 5, seed=3 + n, **how) for n, prompt in enumerate(prompts)]
    assert [text["completion"] for text in found] == [one.completion for one in expected]
    assert [text["num_tokens"] for text in found] == [one.num_tokens for one in expected]


@pytest.mark.slow
def test_the_most_probable_texts(trained, tmp_path):
    task = trained("language_model")
    source = write_objects(tmp_path / "in.jsonl", "text", TEXTS[:5])
    settings = {"write": {"max_new_tokens": 3, "beam_size": 2}}
    rows = predicted(task, source, tmp_path / "out.jsonl", settings=settings)
    for row, prompt in zip(rows, TEXTS[:5], strict=True):
        best = task.generator.beam_search(prompt, 3, 2)
        assert [one["completion"] for one in row["completions"]] == [one.completion for one in best]


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
        ('{"text": "a", "id": "\\ud800"}', {"keep": ["id"]}, "has a value that cannot be .*half"),
        ('{"text": "a"}', {"workers": 2}, "`workers` needs `cluster`"),
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


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        (
            "forecasting",
            {"horizon": 0},
            "`horizon` must be a positive integer. Received: ho",
        ),
        ("language_model", {"first_row": 3}, "`settings` cannot have `first_row`"),
        ("language_model", {"write": 3}, "`write` must be settings by name. Received: 3"),
        ("language_model", {"write": {"top_q": 1}}, "`write` must be .*. Received: 'top_q'"),
        ("language_model", {"write": {"num_samples": 0}}, "`num_samples` must be a positive int"),
        ("language_model", {"write": {"max_new_tokens": "a"}}, "`max_new_tokens` must be zero or"),
        ("language_model", {"write": {"temperature": -1}}, "`temperature` must be zero or a pos"),
        (
            "language_model",
            {"write": {"seed": 0.5}},
            r"`seed` must be an integer from 0 to",
        ),
        (
            "language_model",
            {"write": {"banned_tokens": ["Q"]}},
            "`banned_tokens` must be tokens",
        ),
        (
            "language_model",
            {"write": {"beam_size": 2, "seed": 1, "top_k": 2}},
            "`seed`, `top_k` cannot be used with `beam_size`",
        ),
    ],
)
def test_settings_are_checked_before_any_work(trained, tmp_path, kind, settings, words):
    field = "values" if kind == "forecasting" else "text"
    source = write_objects(tmp_path / "in.jsonl", field, INPUTS[kind])
    write = mock.patch.object(PartFiles, "held", side_effect=AssertionError)
    with write, pytest.raises(InputError, match=f"^{words}"):
        predicted(trained(kind), source, tmp_path / "o.jsonl", settings=settings)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.slow
def test_the_usual_settings(trained, tmp_path):
    task = trained("language_model")
    source = write_objects(tmp_path / "in.jsonl", "text", TEXTS[:2])
    rows = predicted(task, source, tmp_path / "o.jsonl", settings={"write": {"temperature": 0.5}})
    expected = [task.generate(TEXTS[n], seed=n, temperature=0.5).completion for n in range(2)]
    assert [row["completion"] for row in rows] == expected


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
    with pytest.raises(InputError, match=r"out.jsonl.parts has parts of other work"):
        predicted(task, source, output, keep=["id"])


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
    found = predicted(task, source, tmp_path / "there.jsonl", cluster="auto", workers=2)
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
            workers=1,
        )
