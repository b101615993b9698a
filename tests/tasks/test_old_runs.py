"""Runs that an earlier version of tfseq, the commit aa7c20a, has written: `old_runs/`."""

import dataclasses
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from small_tasks import WRITERS

import tfseq
from tfseq.options.run_options import parse_run_options

OLD_RUNS = Path(__file__).parent / "old_runs"


@pytest.fixture
def old(kind, tmp_path):
    """The directory of an old run of two epochs, with its data where its config.json says."""
    run = tmp_path / "run"
    shutil.unpack_archive(OLD_RUNS / f"{kind}.zip", run)
    _, data = WRITERS[kind]
    (run / data).rename(tmp_path / data)
    values = json.loads((run / "config.json").read_text())
    values["corpus" if kind == "language_model" else "data"] = str(tmp_path / data)
    (run / "config.json").write_text(json.dumps(values))
    return run


def best_weights(run):
    """Those of the checkpoint, which the trainer keeps in the model's order."""
    with np.load(next((run / "checkpoints").iterdir())) as arrays:
        return [arrays[f"best/{i}"] for i in range(sum(n.startswith("best/") for n in arrays))]


def test_its_weights_are_read(old, kind):
    task = tfseq.load(old, expected=kind)
    for one, other in zip(task.model.get_weights(), best_weights(old), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.everyday(3)
def test_it_is_measured_as_it_was(old, kind):
    task = tfseq.load(old)
    metrics, evaluation = task.metrics, task.evaluate()
    if kind == "language_model":
        assert evaluation["perplexity"] == pytest.approx(metrics["validation_perplexity"])
    elif kind == "forecasting":
        for column, of in evaluation.items():
            expected = metrics["test"][column]["GRU"]
            # Such a run does not hold the scale of MASE.
            assert np.isnan(of.pop("mase"))
            assert of == pytest.approx({name: expected[name] for name in of}, rel=1e-5)
        assert "nan" in task.describe(task.evaluate())
    else:
        scores = [name for name in evaluation if f"test_{name}" in metrics and name != "f1"]
        assert len(scores) == 2
        assert {name: evaluation[name] for name in scores} == pytest.approx(
            {name: metrics[f"test_{name}"] for name in scores}
        )
        assert evaluation["f1"] == pytest.approx(metrics["test_f1"])


@pytest.mark.slow
def test_it_goes_on(old, kind):
    options = parse_run_options(
        type(tfseq.load(old).options),
        ["--resume", f"--run-dir={old}", "--epochs=3", "--report", "--no-export"],
    )
    lines, before = [], tfseq.load(old).metrics
    task = tfseq.train(options, log=lines.append)
    assert any("resumed at step" in line for line in lines)
    assert (task.metrics["epochs"], before["epochs"]) == (3, 2)
    assert task.metrics["steps"] == 3 * before["steps"] / 2
    assert (old / "report.html").is_file()
    # What it has written now is read as any other run is.
    again = tfseq.load(old)
    assert json.loads((old / "config.json").read_text())["task"] == kind
    for one, other in zip(again.model.get_weights(), task.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_it_is_reported_of(old, kind):
    before = tfseq.load(old)
    options = dataclasses.replace(before.options, run_dir=str(old), resume=True, report=True)
    after = tfseq.train(options, log=lambda line: None)
    assert (old / "report.html").is_file()
    assert after.metrics["steps"] == before.metrics["steps"]
    for one, other in zip(after.model.get_weights(), best_weights(old), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["tagging"])
def test_old_weights_that_are_not_whole(old):
    with h5py.File(old / "model.weights.h5", "r+") as file:
        del file["encoder/embedding"]
    with pytest.raises(tfseq.InputError, match="weights are damaged"):
        tfseq.load(old)


@pytest.mark.everyday(2)
def test_old_weights_with_a_damaged_header(old):
    """HDF5 notices some of it, and says so in many ways."""
    content, errors = (old / "model.weights.h5").read_bytes(), []
    for place in range(0, 640, 16):
        damaged = bytearray(content)
        damaged[place : place + 8] = b"\xff" * 8
        (old / "model.weights.h5").write_bytes(damaged)
        try:
            tfseq.load(old)
        except tfseq.InputError as error:
            errors.append(str(error))
    assert len(errors) > 5
    assert all("its weights are damaged" in error for error in errors)


@pytest.mark.parametrize("kind", ["forecasting"])
def test_without_metrics_an_old_forecaster_has_no_columns(old):
    (old / "metrics.json").unlink()
    with pytest.raises(tfseq.InputError, match=r"is damaged: its series\.json cannot be read"):
        tfseq.load(old)
