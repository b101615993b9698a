"""Runs that are stopped within and between epochs go on to the same weights and history."""

import csv
import json

import keras
import numpy as np
import pytest
from small_disk import mounted
from stopping import stopping

from tfseq.errors import InputError

from .small_run import assert_same, make


class StopError(Exception):
    """Stands for a kill."""


def train(place, stop_at=None, **changes):
    """Train in `place`; stop after `stop_at` steps, leaving what a killed process leaves."""
    usual = {"epochs": 3, "learning_rate": 0.02, "checkpoint_seconds": 0.0, "verbose": "epoch"}
    lines = []
    job = make(place, lines, dropout=0.3, export=False, **usual | changes)
    if stop_at is not None:
        with pytest.raises(StopError):
            stopping(job, stop_at, StopError()).fit()
        return job, lines
    job.fit(lambda saved: {"answer": 42})
    return job, lines


def without_seconds(path):
    with open(path / "history.csv", newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was not interrupted, and its place."""
    place = tmp_path_factory.mktemp("whole") / "run"
    return train(place)[0].model.get_weights(), place


@pytest.mark.everyday(2)
@pytest.mark.parametrize(("stop_at", "epoch"), [(1, 1), (3, 1), (5, 2)])
def test_resumed_to_the_same_weights(stop_at, epoch, whole, tmp_path):
    """At step 3 the epoch has all its steps, but has not been closed."""
    whole, whole_place = whole
    train(tmp_path / "killed", stop_at=stop_at)
    resumed, lines = train(tmp_path / "killed", resume=True)
    assert f"resumed at step {stop_at}, epoch {epoch}" in lines
    assert_same(resumed, whole)
    assert resumed.new_steps == 9 - stop_at
    assert without_seconds(tmp_path / "killed") == without_seconds(whole_place)
    metrics = json.loads((tmp_path / "killed" / "metrics.json").read_text())
    assert (metrics["answer"], metrics["steps"], metrics["epochs"]) == (42, 9, 3)
    best = min(float(r["validation_loss"]) for r in without_seconds(whole_place))
    assert metrics["validation_loss"] == pytest.approx(best)
    assert (tmp_path / "killed" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_what_was_measured_of_the_same_weights_is_handed_on(tmp_path):
    """A finished run that is resumed need not measure again; one that has gone further must."""
    handed = []

    def fit(**changes):
        def evaluate(saved):
            handed.append(saved)
            return {"answer": len(handed)}

        return make(tmp_path / "run", **changes).fit(evaluate)

    metrics = [fit(), fit(resume=True), fit(resume=True, epochs=3)]
    metrics.append(fit(resume=True, epochs=3))
    assert handed[0] == handed[2] == {}
    assert handed[1] == metrics[0]
    assert handed[3] == metrics[2]
    assert [m["epochs"] for m in metrics] == [2, 2, 3, 3]


@pytest.mark.everyday(2)
@pytest.mark.parametrize("free", [2_000, 12_000, 40_000])
def test_a_disk_that_is_full_and_then_is_not(free, whole, tmp_path):
    """A mount point of its own, so that the directory cannot be replaced either."""
    with mounted(tmp_path / "disk", "size=1m"):
        filler, place = tmp_path / "disk" / "other.bin", tmp_path / "disk" / "run"
        filler.write_bytes(bytes(2**20 - free))
        with pytest.raises(InputError, match=r"cannot be written.*: No space left on device"):
            train(place)
        assert not list((tmp_path / "disk").rglob("*partial*"))
        filler.unlink()
        resumed, _ = train(place, resume=place.exists())
        assert_same(resumed, whole[0])
        assert without_seconds(place) == without_seconds(whole[1])


def test_what_a_run_refuses(tmp_path):
    train(tmp_path / "run", epochs=1)
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    with pytest.raises(InputError, match=r"exists\. Add `resume`"):
        train(tmp_path / "run")
    with pytest.raises(InputError, match="`batch_size` was 32 and is now 5"):
        train(tmp_path / "run", resume=True, batch_size=5)
    with pytest.raises(InputError, match="is not a directory"):
        train(tmp_path / "nothing", resume=True)
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before
    (tmp_path / "run" / "corpus.json").write_text('{"fingerprint": "another"}')
    with pytest.raises(InputError, match="the data is not the one that the run"):
        train(tmp_path / "run", resume=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_history_is_what_a_person_can_plot(whole):
    """Each column is one that the rows have, in the order in which the trainer gives them."""
    _, place = whole
    (first, *_) = without_seconds(place)
    assert list(first) == (
        "epoch step targets learning_rate train_loss gradient_norm gradient_norm_max "
        "validation_loss".split()
    )
    assert float(first["targets"]) == np.sum([1, 1, 0, 1] * 6)


@pytest.mark.everyday(1)
@pytest.mark.parametrize("content", ["{", "[]", "3"])
def test_damaged_metrics_are_written_anew(tmp_path, content):
    train(tmp_path / "run", epochs=2)
    metrics = tmp_path / "run" / "metrics.json"
    before = json.loads(metrics.read_text())
    metrics.write_text(content)
    train(tmp_path / "run", resume=True, epochs=2)
    assert json.loads(metrics.read_text()) == before
    metrics.write_text(content)
    train(tmp_path / "run", resume=True, epochs=3)
    assert json.loads(metrics.read_text())["epochs"] == 3


@pytest.mark.usefixtures("whole")
def test_a_model_compiled_after_a_run_may_use_xla():
    """Keras warns, and does without XLA, as long as operations are to be deterministic."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=True)
    assert model.jit_compile
