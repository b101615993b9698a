"""Examples and steps that several share: the figures of one process."""

import contextlib
import os

import pytest
from pipeline_scripts import script
from small_tasks import write_data

from tfseq.cluster.where import Where
from tfseq.errors import InputError
from tfseq.tasks.forecasting import evaluation
from tfseq.tasks.labelled import task as labelled
from tfseq.tasks.language_model import task as language_model


class Backwards:
    """Does the last part first."""

    most = 3

    def __init__(self, task):
        self.task = task

    def answers(self, work, parts):
        for name, values in reversed([*parts]):
            yield name, work(self.task, *values)


@pytest.mark.parametrize("kind", ["text_classification", "tagging", "forecasting"])
@pytest.mark.parametrize("own", [True, False])
def test_the_figures_are_those_of_one_process(trained, tmp_path, monkeypatch, kind, own):
    task, given = trained(kind), []
    path = None if own else write_data(kind, tmp_path, seed=5)
    expected = task.evaluate(path)

    def spread(task, where):
        given.append(where)
        return contextlib.nullcontext(Backwards(task))

    for module in (labelled, evaluation):
        monkeypatch.setattr(module, "spread", spread)
    monkeypatch.setattr(labelled, "_EXAMPLES_A_PART", 7)
    monkeypatch.setattr(evaluation, "_HISTORIES_A_PART", 7)
    monkeypatch.setattr("tfseq.cluster.where.check_address", lambda address: None)
    found = task.evaluate(path, where=Where("auto", 3))
    assert len(given) == 1
    assert flat(found) == pytest.approx(flat(expected), rel=1e-6, abs=0)


def test_a_check_sets_nothing(monkeypatch):
    monkeypatch.setattr("tfseq.cluster.where.check_address", lambda address: None)
    monkeypatch.setattr(os, "environ", {})
    Where("auto").check()
    Where().leave_memory()
    assert not os.environ
    Where("auto").leave_memory()
    assert os.environ == {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}


def flat(figures):
    """All numbers by name."""
    numbers = {}
    for name, value in figures.items():
        inner = flat(value) if isinstance(value, dict) else {"": value}
        numbers |= {f"{name} {key}": number for key, number in inner.items()}
    return numbers


def test_what_reads_in_order_is_refused(trained, monkeypatch):
    monkeypatch.setattr(language_model, "evaluate_text", None)
    with pytest.raises(InputError, match="`dynamic`, `cache` cannot be used with `cluster`"):
        trained("language_model").evaluate(dynamic=True, cache=20, where=Where("auto"))


def test_too_many_workers_are_told_before_the_text_is_read(trained, monkeypatch):
    monkeypatch.setattr("tfseq.cluster.where.check_address", lambda address: None)
    with pytest.raises(InputError, match=r"`workers` must be at most the rows .* there are 32: "):
        trained("language_model").evaluate("no such file", where=Where("auto", 33))


@pytest.mark.slow
def test_the_script_refuses_it_before_the_model_is_loaded(tmp_path):
    options = ["--run-dir=runs/none", "--cluster=auto", "--dynamic", "--cache=20"]
    done = script("evaluate_model", *options, cwd=tmp_path, expected=2)
    assert "`--dynamic`, `--cache` cannot be used with `--cluster`" in done.stderr


def test_a_cluster_is_opened_before_the_text_is_read(trained, monkeypatch):
    def refused(task, where):
        raise InputError("no node has room")

    monkeypatch.setattr("tfseq.cluster.where.check_address", lambda address: None)
    monkeypatch.setattr(language_model, "spread", refused)
    with pytest.raises(InputError, match="no node has room"):
        trained("language_model").evaluate("no such file", where=Where("auto", 2))


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (Where(workers=2), "`workers` needs `cluster`, such as auto. Received: 2"),
        (Where("auto", 0), "`workers` must be a positive integer. Received: 0"),
        (Where("nowhere"), "`cluster` must be auto, or host:port. Received: 'nowhere'"),
    ],
)
def test_bad_places_are_refused_before_any_work(kind, trained, where, words):
    if where.cluster == "nowhere":
        pytest.importorskip("ray", reason="the extra scale is not installed")
    with pytest.raises(InputError, match=words):
        trained(kind).evaluate("no such file", where=where)
