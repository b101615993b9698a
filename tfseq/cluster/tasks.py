"""Many small tasks on a cluster, each of which may be lost and done again."""

import contextlib
import math
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from tfseq.cluster.nodes_watch import NodesWatch
from tfseq.cluster.room import RoomWatch, alive_nodes, describe_room
from tfseq.cluster.task_places import TaskPlaces, noted_here
from tfseq.errors import InputError
from tfseq.text.counting import on_threads

Item = TypeVar("Item")
Result = TypeVar("Result")

# How often a task is done again whose process or machine has gone.
_RETRIES = 5
# Tasks handed over at a time, for each that can run: enough that no worker waits for the driver.
_AHEAD = 2
# A task is done a second time where a worker is free and it takes so many times as long as most.
_STRAGGLING = 3.0
_LEAST_SECONDS = 10.0
_SECONDS_TO_END = 5.0
# How often the cluster, and what is late, is looked at: each look takes longer on a larger one.
_SECONDS = 1.0


class LostError(InputError):
    """A cluster cannot do a task, whatever the task is."""


class TaskRunner(Protocol):
    """What does tasks: functions of one argument that may be done twice."""

    def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        done: Callable[[int, Result], bool | None] = lambda number, result: None,
    ) -> list[Result | None]:
        """The results, in the order of the items.

        Args:
            function: what is done.
            items: of each of them.
            done: is told each result as it comes, with the item's number, in any order. Where it
                returns True, no more items are begun, and results that are missing are None.
        """


class InThisProcess:
    """Tasks one after the other in this process.

    >>> InThisProcess().map(abs, [-1, 2])
    [1, 2]
    """

    def map(self, function, items, done=lambda number, result: None):
        results = [None] * len(items)
        for number, item in enumerate(items):
            results[number] = function(item)
            if done(number, results[number]):
                break
        return results


class OnCluster:
    """Tasks on the cluster that this process is connected to, see `connect`.

    A task whose process or machine goes is done again, at most five times. Towards the end, where
    workers are free, a task that takes three times as long as most is begun a second time, and what
    ends first counts: so one slow machine does not hold up the others.

    Args:
        logs: where the logs of a node are, for what is said when a task is lost for good.
        log: where lines go that say why nothing is done.
    """

    def __init__(self, logs: str = "", log: Callable[[str], None] = lambda line: None):
        self._logs, self._log = logs, log

    def map(self, function, items, done=lambda number, result: None):
        import ray
        from ray.exceptions import RayError, RayTaskError

        task = ray.remote(num_cpus=1, max_retries=_RETRIES)(_alone)
        shared = ray.put(function)
        results: list[Any] = [None] * len(items)
        waiting, running, begun = deque(range(len(items))), {}, {}
        left, seconds = set(range(len(items))), []
        room = RoomWatch(self._log, lambda: describe_room(ray), LostError)
        nodes, places = NodesWatch(ray, self._log), TaskPlaces(ray)
        slots, looked = 1, -math.inf

        def begin(number: int) -> None:
            named = task.options(name=f"tfseq {number}")
            reference = named.remote(shared, items[number], places.key(number))
            running[reference] = number
            begun.setdefault(number, time.monotonic())

        try:
            while left:
                look = time.monotonic() - looked >= _SECONDS
                if look:
                    looked = time.monotonic()
                    slots = max(1, int(ray.cluster_resources().get("CPU", 1)))
                    nodes.look()
                while waiting and len(running) < _AHEAD * slots:
                    begin(waiting.popleft())
                if not running:
                    return results
                ready = _ended(ray, [*running])
                if ready or (look and places.any_at_work()):
                    room.found()
                elif look:
                    room.wait(
                        f"no task has had a CPU; tasks left: {len(left)}",
                        any(node.get("CPU", 0) >= 1 for node in alive_nodes(ray)),
                        "`cluster`: no node has had a CPU for a task",
                    )
                for reference in ready:
                    number = running.pop(reference)
                    if number not in left:
                        continue  # Another one was faster.
                    try:
                        result = ray.get(reference)
                    except RayTaskError as error:
                        raise error.cause from None
                    except RayError as error:
                        raise LostError(self._lost(number, error, places.lost(number))) from error
                    results[number] = result
                    left.discard(number)
                    seconds.append(time.monotonic() - begun[number])
                    if done(number, result):
                        left.intersection_update(running.values())
                        waiting.clear()
                if look and not waiting and len(running) < slots and seconds:
                    late = time.monotonic() - max(
                        _LEAST_SECONDS, _STRAGGLING * statistics.median(seconds)
                    )
                    times = Counter(running.values())
                    behind = [n for n in sorted(left) if times[n] == 1 and begun[n] < late]
                    for number in behind[: slots - len(running)]:
                        begin(number)
            return results
        finally:
            _end(ray, [*running], places)
            places.forget()

    def _lost(self, number: int, error: Exception, nodes: Sequence[str]) -> str:
        from ray.exceptions import NodeDiedError, WorkerCrashedError

        words = " ".join(str(error).split())
        gone = isinstance(error, (NodeDiedError, WorkerCrashedError))
        what = (
            f"was lost {_RETRIES + 1} times, each time with its process or its machine"
            if gone
            else "failed"
        )
        where = f" (node{'s' * (len(nodes) > 1)} {', '.join(nodes)})" if nodes else ""
        return (
            f"`cluster`: task {number} {what}{where}: {words[:600]} The logs of a node are in "
            f"{self._logs} there."
        )


def _ended(ray: Any, references: Sequence[Any]) -> list[Any]:
    """All that have ended, when the first one has; none where none does within a second."""
    ready, rest = ray.wait(references, timeout=_SECONDS)
    if ready and rest:
        ready += ray.wait(rest, num_returns=len(rest), timeout=0)[0]
    return ready


def _alone(function: Callable, item: Any, key: str) -> Any:
    """Do a task on the one core that it has."""
    with contextlib.suppress(RuntimeError):  # TensorFlow has been used already.
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    with noted_here(key), on_threads(1):
        return function(item)


def _end(ray: Any, references: Sequence[Any], places: TaskPlaces) -> None:
    """Stop what still runs, and wait until it has: what it writes is removed then."""
    for reference in references:
        with contextlib.suppress(Exception):
            ray.cancel(reference, force=True)
    if references:
        with contextlib.suppress(Exception):
            ray.wait(references, num_returns=len(references), timeout=_SECONDS_TO_END)
            places.wait_until_gone(_SECONDS_TO_END)


def numbered_groups(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items in groups of so many.

    >>> [*numbered_groups([1, 2, 3], 2)]
    [[1, 2], [3]]
    """
    for start in range(0, len(items), size):
        yield items[start : start + size]
