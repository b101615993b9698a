"""What is done about workers and machines that go, with a stand-in for Ray that says when."""

import functools
import itertools
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfseq.cluster.room import RoomWatch
from tfseq.errors import InputError
from tfseq.tasks.prediction import workers as workers_module
from tfseq.tasks.prediction.workers import Workers

CONNECTION = SimpleNamespace(num_cpus=16, num_gpus=0, logs=Path("/logs"))


class StandIn:
    """The functions of Ray that `Workers` calls. What has been asked for first is done first.

    Attributes:
        answers: what becomes of the answers that are asked for, in turn: an exception, or None.
        loads: what becomes of the loads, in turn.
        machines: CPUs of the machines that are there, each time someone looks.
    """

    def __init__(self):
        self.machines = iter([])
        self.answers, self.loads, self.killed, self.actors = [], [], [], []

    def remote(self, **resources):
        return lambda kind: SimpleNamespace(remote=self._start)

    def _start(self):
        number = len(self.actors)
        self.actors.append(f"worker {number}")
        return _Actor(number, self)

    def wait(self, references, timeout):
        if (found := next(self.machines, None)) is not None:
            self.there = found
            return [], references
        return references[:1], references[1:]

    def get(self, reference):
        kind, value = reference
        planned = getattr(self, kind)
        if planned and (error := planned.pop(0)) is not None:
            raise error
        return value

    def kill(self, worker):
        self.killed.append(worker.number)

    there = (("10.0.0.8", 2.0), ("10.0.0.9", 2.0))

    def nodes(self):
        kept = ("NodeID", "NodeManagerAddress")
        return [
            {**dict.fromkeys(kept, name), "Alive": True, "Resources": {"CPU": num}}
            for name, num in self.there
        ]

    def available_resources(self):
        return {"CPU": 0.0}


class _Actor:
    def __init__(self, number, ray):
        self.number = number
        self.load = SimpleNamespace(
            remote=lambda *given: _Reference(("loads", ("10.0.0.9", None, None)))
        )
        self.answer = SimpleNamespace(
            remote=lambda work, values: _Reference(("answers", (work(number, *values), [])))
        )


class _Reference(tuple):
    """One that equals no other."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


@pytest.fixture
def ray(monkeypatch):
    pytest.importorskip("ray.exceptions", reason="the extra `scale` is not installed")
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "ray", stand_in)
    return stand_in


@pytest.fixture
def errors(ray):
    """Ray's exceptions, as they come when a machine goes."""
    from ray.exceptions import ObjectLostError, OwnerDiedError

    return [kind("abc", None, "") for kind in (ObjectLostError, OwnerDiedError)]


@pytest.fixture
def died(ray):
    """What comes when a worker has died."""
    from ray.exceptions import ActorDiedError

    return ActorDiedError()


def squared(worker, number):
    return number**2


def done(num_parts, most=1, log=print):
    workers = Workers(CONNECTION, Path("run"), most, log)
    return dict(workers.answers(squared, ((number, (number,)) for number in range(num_parts))))


def test_answers_that_are_lost_with_their_machine_are_worked_out_again(ray, errors):
    ray.answers = [None, *errors, None]
    assert done(5) == {number: number**2 for number in range(5)}
    assert ray.actors == ["worker 0"]
    assert not ray.killed


def test_answers_that_are_lost_again_and_again(ray, errors):
    ray.answers = [errors[0]] * 100
    with pytest.raises(InputError) as raised:
        done(1)
    assert "5 machines have gone with the answers of part 0: Failed to" in str(raised.value)
    assert str(raised.value).endswith("The logs of the node 10.0.0.9 are in /logs there.")
    assert len(ray.answers) == 95


def test_a_machine_that_goes_while_its_workers_load_is_one_failure_of_each(ray, died):
    ray.loads = [died] * 16
    assert done(32, most=16) == {number: number**2 for number in range(32)}
    assert len(ray.actors) == 32
    assert sorted(ray.killed) == list(range(16))


def test_a_worker_that_dies_five_times_while_it_loads(ray, died):
    ray.loads = [died] * 100
    with pytest.raises(InputError, match="5 workers have died in a row while they loaded"):
        done(1)
    assert len(ray.actors) == 5


@pytest.fixture
def impatient(monkeypatch):
    """Each look is a minute after the one before."""
    clock = itertools.count(0.0, 60.0).__next__
    monkeypatch.setattr(workers_module, "RoomWatch", functools.partial(RoomWatch, clock=clock))


def test_machines_that_go_and_come_are_named(ray, impatient):
    ray.machines, told = iter([[], [("10.0.0.7", 4.0)], [("10.0.0.7", 4.0)]]), []
    assert done(3, log=told.append) == {0: 0, 1: 1, 2: 4}
    nodes = [line for line in told if line.startswith("the node")]
    assert sorted(nodes[:2]) == ["the node 10.0.0.8 is gone", "the node 10.0.0.9 is gone"]
    assert nodes[2:] == ["the node 10.0.0.7 has come"]
    room = "the cluster has 1 node with 4 CPUs, 0 free"
    assert f"for 2 min, no worker has loaded the model; {room}" in told


@pytest.mark.parametrize("num_cpus", [[], [0.0]])
def test_ten_minutes_without_a_machine_are_the_end(ray, impatient, num_cpus):
    ray.machines = itertools.repeat([("10.0.0.8", num) for num in num_cpus])
    with pytest.raises(
        InputError, match="no node has had a CPU for a worker for 10 minutes: the c"
    ):
        done(3, log=lambda line: None)
