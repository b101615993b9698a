"""Runs that are damaged, and runs that are taken up again."""

import dataclasses
import json
import re

import numpy as np
import pytest

import tfseq


def change_json(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


@pytest.mark.parametrize("kind", ["tagging"])
@pytest.mark.parametrize("task", ["cooking", 7, None, ["tagging"]])
def test_a_task_that_is_none(copied, task):
    change_json(copied / "config.json", lambda values: values.update(task=task))
    with pytest.raises(tfseq.InputError, match=r"is the run of .*\. Tasks are language_model, "):
        tfseq.load(copied)


FILES = {
    "language_model": ["vocabulary.txt"],
    "text_classification": ["vocabulary.txt", "labels.json"],
    "tagging": ["vocabulary.txt", "tags.json"],
    "forecasting": ["series.json"],
}


def test_a_file_that_is_damaged_is_named(copied, kind):
    for name in FILES[kind]:
        content = (copied / name).read_bytes()
        (copied / name).write_bytes(b"\xff{")
        with pytest.raises(tfseq.InputError, match=rf"{re.escape(str(copied))}.*{name}"):
            tfseq.load(copied)
        (copied / name).write_bytes(content)
    tfseq.load(copied)


def report_of(copied):
    """The report of the finished run, taken up again, and its metrics."""
    options = dataclasses.replace(
        tfseq.load(copied).options, run_dir=str(copied), resume=True, report=True
    )
    task = tfseq.train(options, log=lambda line: None)
    return (copied / "report.html").read_text(), task.metrics


def without_time(metrics):
    return {name: value for name, value in metrics.items() if "second" not in name}


@pytest.mark.slow
def test_a_report_later_measures_no_baseline_again(copied, kind, trained):
    """What the run has noted of the simpler models stands in it, also where it was changed."""
    before = trained(kind).metrics
    page, metrics = report_of(copied)
    assert metrics == before
    if kind == "forecasting":
        with np.load(copied / "baselines.npz") as arrays:
            noted = dict(arrays)
        noted["naive"] = noted["naive"] + 1000
        np.savez(copied / "baselines.npz", **noted)
        page, metrics = report_of(copied)
        errors = metrics["test"]["up"]
        assert errors["naive"]["rmse"] == pytest.approx(1000, rel=0.01)
        assert page.count("1,000") + page.count("999") > 1
        errors["naive"] = before["test"]["up"]["naive"]
        assert errors == before["test"]["up"]
        (copied / "baselines.npz").write_bytes(b"damaged")
        assert report_of(copied)[1] == before
        return

    def change(values):
        if kind == "language_model":
            values["baseline_perplexity"] = 77.125
        else:
            values["baselines"] = {
                name: dict.fromkeys(of, 0.127) for name, of in values["baselines"].items()
            }

    change_json(copied / "metrics.json", change)
    page, metrics = report_of(copied)
    change(before)
    assert metrics == before
    assert ("77.1" if kind == "language_model" else "0.127") in page


@pytest.mark.slow
def test_a_run_that_goes_further_measures_its_baselines_anew(copied, kind):
    """What was noted is of other weights, or of a run with other settings."""
    options = dataclasses.replace(
        tfseq.load(copied).options, run_dir=str(copied), resume=True, epochs=3
    )
    before = tfseq.load(copied).metrics
    change_json(
        copied / "metrics.json",
        lambda values: values.update(baseline_perplexity=77.125, baselines={}, test={}),
    )
    metrics = tfseq.train(options, log=lambda line: None).metrics
    assert metrics["epochs"] == 3
    if kind == "forecasting":
        after, known = metrics["test"]["up"], before["test"]["up"]
        assert after["naive"] == known["naive"]
        assert after["feed-forward network"]["rmse"] > 0
    elif kind == "language_model":
        assert metrics["baseline_perplexity"] == before["baseline_perplexity"]
    else:
        assert metrics["baselines"].keys() == before["baselines"].keys()
