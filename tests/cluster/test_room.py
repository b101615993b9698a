"""Work that waits for machines says so, and ends where none come."""

import dataclasses
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

import tfseq
from tfseq.cluster import room
from tfseq.cluster.connection import connect
from tfseq.cluster.tasks import OnCluster
from tfseq.errors import InputError
from tfseq.tasks import cluster_room
from tfseq.tasks.cluster_room import WorkersWatch

from .ray_processes import killing
from .test_language_model_on_cluster import OPTIONS


@pytest.fixture
def impatient(monkeypatch):
    """A line a second; the end after eight."""
    monkeypatch.setattr(room, "_LINE_SECONDS", 1.0)
    monkeypatch.setattr(room, "_MOST_SECONDS", 8.0)
    monkeypatch.setattr(cluster_room, "_SECONDS", 0.5)


@pytest.fixture
def looks(monkeypatch):
    """`looks(cpus, state, seconds)`: what is said in so many seconds, looked at every ten.

    Two workers of two CPUs each need four. Those of before, others of this job, and those of other
    jobs do not count, though they be alike.
    """
    now, printed = 0.0, []

    def look(cpus, state, seconds):
        nonlocal now
        table = {
            "a101000000": {"state": state, "bundles": {0: {"CPU": 2.0}, 1: {"CPU": 2.0}}},
            "a201000000": {"state": "REMOVED", "bundles": {0: {"CPU": 2.0}, 1: {"CPU": 2.0}}},
            "a301000000": {"state": "PENDING", "bundles": {0: {"CPU": 1.0}}},
            "a402000000": {"state": "CREATED", "bundles": {0: {"CPU": 2.0}, 1: {"CPU": 2.0}}},
        }
        ray = SimpleNamespace(
            get_runtime_context=lambda: SimpleNamespace(get_job_id=lambda: "01000000"),
            util=SimpleNamespace(placement_group_table=lambda: table),
            nodes=lambda: [
                {"NodeID": n, "NodeManagerAddress": n, "Alive": alive, "Resources": {"CPU": has}}
                for n, (alive, has) in enumerate([(True, 2.0), (True, cpus - 2.0), (False, 8.0)])
            ],
            available_resources=lambda: {"CPU": 1.0},
        )
        monkeypatch.setitem(sys.modules, "ray", ray)
        monkeypatch.setattr(cluster_room, "_SECONDS", 0.0)
        watch = WorkersWatch(2, {"CPU": 2.0}, printed.append, clock=lambda: now)
        while now <= seconds:
            watch.look()
            now += 10.0
        return printed

    return look


def test_workers_wait_for_ever_where_the_machines_are_busy(looks):
    assert looks(cpus=4, state="CREATED", seconds=130) == []
    assert looks(cpus=4, state="PENDING", seconds=860) == [
        f"for {n} min, 2 workers have waited for 2 CPUs each; "
        "the cluster has 2 nodes with 4 CPUs, 1 free"
        for n in range(1, 13)
    ]


def test_workers_end_where_there_are_too_few_machines(looks):
    assert len(looks(cpus=3, state="RESCHEDULING", seconds=590)) == 9
    with pytest.raises(InputError) as raised:
        looks(cpus=3, state="RESCHEDULING", seconds=1300)
    assert str(raised.value) == (
        "`workers` 2, with 2 CPUs each, have had no room in the cluster for 10 minutes: "
        "the cluster has 2 nodes with 3 CPUs, 1 free. Add a machine, and start again."
    )


@pytest.mark.slow
@pytest.mark.parametrize("two_nodes", [0], indirect=True)
def test_tasks_wait_for_a_machine_and_end_where_none_comes(two_nodes, impatient):
    """The only node with a CPU is busy, then it goes; another one comes, and goes for good."""
    lines = []

    def wait_for(*words):
        deadline = time.monotonic() + 60
        while not any(all(word in line for word in words) for line in [*lines]):
            assert time.monotonic() < deadline, lines
            time.sleep(0.05)

    # Ray starts machines in the main thread alone.
    with connect(two_nodes.address) as connection, ThreadPoolExecutor(1) as threads:
        import ray

        runner = OnCluster(str(connection.logs), lines.append)
        busy = ray.remote(num_cpus=1)(SimpleNamespace).remote()
        ray.get(busy.__ray_ready__.remote())
        found = threads.submit(runner.map, abs, [-1, -2, -3])
        wait_for(
            "min, no task has had a CPU; tasks left: 3; the cluster has 2 nodes with",
            "with 1 CPU, 0 free",
        )
        assert not found.done()
        two_nodes.remove_node(two_nodes.second, allow_graceful=False)
        wait_for("the node ", " is gone")
        wait_for("the cluster has 1 node with 0 CPUs, 0 free")
        two_nodes.second = two_nodes.add_node(num_cpus=1)
        assert found.result(60) == [1, 2, 3]
        wait_for("the node ", " has come")
        two_nodes.remove_node(two_nodes.second, allow_graceful=False)
        with pytest.raises(InputError, match=r"`cluster`: no node has had a CPU for a task for "):
            runner.map(abs, [-1])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")  # Ray's own.
def test_training_ends_where_a_lost_machine_leaves_no_room(two_nodes, impatient, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("The cat sat on the mat, and the hat was where the rat sat.\n" * 2000)
    lines, options = (
        [],
        dataclasses.replace(
            OPTIONS,
            corpus=str(text),
            cluster=two_nodes.address,
            workers=2,
            epochs=100,
            checkpoint_seconds=0,
            run_dir=str(tmp_path / "run"),
        ),
    )

    def remove(ended):
        while not ended.wait(0.1):
            if [*(tmp_path / "run" / "checkpoints").glob("step-*")]:
                two_nodes.remove_node(two_nodes.second, allow_graceful=False)
                return

    with killing(remove), pytest.raises(InputError) as raised:
        tfseq.train(options, log=lines.append)
    assert "`workers` 2, with 1 CPU each, have had no room in the cluster" in str(raised.value)
    waited = [line for line in lines if "2 workers have waited for 1 CPU each" in line]
    assert "the cluster has 1 node with 1 CPU, " in waited[-1]
    assert any(line.endswith(" is gone") for line in lines)
