"""Tasks on a cluster whose clock, machines and tasks are made up: what is asked of it, and said."""

import functools
import heapq
import subprocess
import sys
import types
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from tfseq.cluster import task_places, tasks
from tfseq.cluster.room import RoomWatch
from tfseq.cluster.tasks import LostError, OnCluster

ADDRESS = "10.0.0.9"


class RayError(Exception): ...


class RayTaskError(RayError): ...


class WorkerCrashedError(RayError): ...


class NodeDiedError(RayError): ...


class ObjectStoreFullError(RayError): ...


class Reference(SimpleNamespace):
    __hash__ = object.__hash__
    __eq__ = object.__eq__


class MadeUpRay(types.ModuleType):
    """A cluster of one node that does `abs`, with what a driver uses of Ray.

    An item takes as many seconds as its absolute value; one that is an error is raised, and its
    task never ends on its node.

    Args:
        cpus: of the node.
        busy: the seconds for which others have all of its CPUs.
    """

    def __init__(self, cpus, busy=0.0):
        super().__init__("ray")
        self.now, self.free, self.calls = 0.0, [busy] * cpus, Counter()
        self.cpus, self.begun, self.pid = cpus, [], 1
        self.asked = []
        self.experimental = SimpleNamespace(internal_kv=self)

    def remote(self, **how):
        assert how == {"num_cpus": 1, "max_retries": 5}
        return lambda function: self

    def options(self, name):
        return SimpleNamespace(remote=self._begin)

    def _begin(self, shared, item, key):
        begins = max(self.now, heapq.heappop(self.free))
        ends = begins + (1 if isinstance(item, Exception) else abs(item))
        heapq.heappush(self.free, ends)
        self.begun.append(Reference(item=item, key=key, begins=begins, ends=ends, pid=self.pid))
        return self.begun[-1]

    def get_runtime_context(self):
        return SimpleNamespace(get_node_id=lambda: "n1")

    def put(self, value):
        return value

    def get(self, reference):
        if isinstance(reference.item, Exception):
            raise reference.item
        return abs(reference.item)

    def wait(self, references, num_returns=1, timeout=None):
        self.calls["wait"] += 1
        self.now = max(self.now, min(self.now + timeout, min(r.ends for r in references)))
        ready = [r for r in references if r.ends <= self.now][:num_returns]
        return ready, [r for r in references if r not in ready]

    def cancel(self, reference, force): ...

    def nodes(self):
        self.calls["nodes"] += 1
        has = {"CPU": float(self.cpus)}
        return [{"NodeID": "n1", "NodeManagerAddress": ADDRESS, "Alive": True, "Resources": has}]

    def cluster_resources(self):
        self.calls["resources"] += 1
        return {"CPU": float(self.cpus)}

    def available_resources(self):
        return {}

    def _internal_kv_list(self, prefix, namespace):
        def there(r):
            return r.begins <= self.now and (self.now < r.ends or isinstance(r.item, Exception))

        keys = [f"{r.key}n1/{ADDRESS}/{r.pid}/0".encode() for r in self.begun if there(r)]
        return [key for key in keys if key.startswith(prefix)]

    def _internal_kv_del(self, prefix, del_by_prefix, namespace):
        self.begun = [r for r in self.begun if not r.key.encode().startswith(prefix)]


@pytest.fixture
def made_up(monkeypatch):
    """`made_up(cpus, busy)`: a cluster, connected; what is said is in its `lines`."""

    def make(cpus, busy=0.0):
        ray = MadeUpRay(cpus, busy)
        errors = types.ModuleType("ray.exceptions")
        for kind in (RayError, RayTaskError, WorkerCrashedError, NodeDiedError):
            setattr(errors, kind.__name__, kind)
        for module in (ray, errors, ray.experimental):
            name = getattr(module, "__name__", "ray.experimental")
            monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(tasks, "time", SimpleNamespace(monotonic=lambda: ray.now))
        room = functools.partial(RoomWatch, clock=lambda: ray.now)
        monkeypatch.setattr(tasks, "RoomWatch", room)
        monkeypatch.setattr(task_places, "on_every_node", ray.asked.append)
        ray.lines = []
        ray.runner = OnCluster("/tmp/ray/logs", ray.lines.append)
        return ray

    return make


def test_a_large_cluster_is_asked_a_few_times_a_second(made_up):
    """A thousand tasks in ten seconds, a hundred of which end together."""
    ray = made_up(cpus=100)
    assert ray.runner.map(abs, [-1] * 1000) == [1] * 1000
    assert ray.now == 10
    assert ray.calls["wait"] <= 30
    assert ray.calls["nodes"] <= 30
    assert ray.calls["resources"] <= 12


def test_a_long_task_is_at_work(made_up):
    ray = made_up(cpus=2)
    assert ray.runner.map(abs, [-600]) == [600]
    assert not ray.lines


def test_tasks_without_a_cpu_are_said_to_wait(made_up):
    ray = made_up(cpus=2, busy=130.0)
    assert ray.runner.map(abs, [-600, -2]) == [600, 2]
    assert ray.lines == [
        f"for {n} min, no task has had a CPU; tasks left: 2; "
        "the cluster has 1 node with 2 CPUs, 0 free"
        for n in (1, 2)
    ]


def test_a_late_task_is_begun_again_once(made_up):
    ray = made_up(cpus=4)
    begun = []
    remote = ray._begin
    ray._begin = lambda shared, item, key: begun.append(item) or remote(shared, item, key)
    assert ray.runner.map(abs, [-1, -100, -2, -3]) == [1, 100, 2, 3]
    assert begun == [-1, -100, -2, -3, -100]


@pytest.mark.parametrize("kind", [WorkerCrashedError, NodeDiedError])
def test_a_task_that_is_lost_for_good_names_its_node(made_up, kind):
    ray = made_up(cpus=2)
    with pytest.raises(LostError) as raised:
        ray.runner.map(abs, [-1, kind("It died\n unexpectedly."), -2])
    assert str(raised.value) == (
        "`cluster`: task 1 was lost 6 times, each time with its process or its machine (node "
        f"{ADDRESS}): It died unexpectedly. The logs of a node are in /tmp/ray/logs there."
    )
    assert not ray.begun


def test_a_task_that_fails_otherwise_was_not_lost(made_up):
    ray = made_up(cpus=2)
    with pytest.raises(LostError, match=r"^`cluster`: task 0 failed \(node .*\): The disk is full"):
        ray.runner.map(abs, [ObjectStoreFullError("The disk is full.")])


def test_the_processes_of_tasks_that_were_stopped_are_waited_for(made_up):
    """Ray calls a task ended whose process may write for a while."""
    ray = made_up(cpus=2)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        ray.pid = process.pid
        with pytest.raises(LostError):
            ray.runner.map(abs, [WorkerCrashedError("It died."), -100])
        (wait,) = ray.asked
        with ThreadPoolExecutor(1) as threads:
            waited = threads.submit(wait)
            with pytest.raises(TimeoutError):
                waited.result(0.3)
            process.kill()
            process.wait()
            waited.result(4)
