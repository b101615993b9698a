"""Workers that cannot be had, how rows are divided, and several devices of one process."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import tfseq
from tfseq.errors import InputError
from tfseq.runs.trainer import DivergenceError
from tfseq.runs.workers.pieces import bounds_of, pieces_of
from tfseq.tasks.cluster_relay import Relay, raised
from tfseq.tasks.cluster_training import check_room


@pytest.mark.parametrize("cluster", [None, "auto", "127.0.0.1:1"])
def test_more_workers_than_rows(cluster, tmp_path):
    options = tfseq.LanguageModelOptions(
        batch_size=4, workers=5, cluster=cluster, run_dir=str(tmp_path / "run")
    )
    with pytest.raises(InputError, match=r"`workers` must not be more than `batch_size`.*5.*4"):
        tfseq.train(options)
    assert not [*tmp_path.iterdir()]


def test_more_workers_than_devices(tmp_path):
    options = tfseq.LanguageModelOptions(workers=2, run_dir=str(tmp_path / "run"))
    with pytest.raises(InputError, match=r"`workers` without `cluster`.*Add `cluster` auto"):
        tfseq.train(options)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(("cpus", "gpus", "what"), [(3, 0, "3 CPUs"), (64, 1, "1 GPUs")])
def test_a_cluster_that_is_too_small(cpus, gpus, what):
    options = SimpleNamespace(workers=2, worker_cpus=2)
    with pytest.raises(InputError, match=rf"`workers`.*the cluster has {what}"):
        check_room(options, SimpleNamespace(num_cpus=cpus, num_gpus=gpus))
    check_room(options, SimpleNamespace(num_cpus=4, num_gpus=0))


def test_workers_that_fail_after_the_same_step_are_given_up():
    relay = Relay()
    relay.here(1, "on node 10.0.0.2 (its log there: worker-7.err)")
    assert [relay.begin(step) for step in (0, 0, 0, 5, 5, 5)] == [None] * 6
    ending = relay.begin(5)
    assert ending.message.endswith("worker 1 on node 10.0.0.2 (its log there: worker-7.err)")
    assert "3 times in a row after step 5" in ending.message
    lines, told = relay.take()
    assert lines == [f"a worker failed; all go on from step {n}" for n in (0, 0, 5, 5, 5, 5)]
    assert told == relay.ending() == ending
    relay.end("divergence", "later")
    assert isinstance(raised(relay.ending()), InputError)
    relay = Relay()
    relay.end("divergence", "training diverged")
    assert isinstance(raised(relay.ending()), DivergenceError)


@pytest.mark.parametrize("batch_size", [7, 32, 96, 128])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("num_parts", [1, 2])
def test_each_row_is_in_one_piece_of_its_part(batch_size, size, num_parts):
    batch_size -= batch_size % num_parts
    part = batch_size // num_parts
    bounds = [bounds_of(batch_size, k, size) for k in range(min(size, batch_size))]
    pieces = [p for b in bounds for p in pieces_of(*b, batch_size, num_parts)]
    rows = [(p.part, p.first + i) for p in pieces for i in range(p.stop - p.start)]
    if size <= batch_size:
        assert rows == [(row // part, row % part) for row in range(batch_size)]


@pytest.mark.slow
def test_three_devices_of_one_process():
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("on_devices.py"))],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kind, kind_of_one, apart = done.stdout.strip().split(" | ")
    assert kind == kind_of_one == "compiled in halves"
    assert float(apart) < 1e-5
