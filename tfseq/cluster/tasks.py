"""Many small tasks on a cluster, each of which may be lost and done again."""

import contextlib
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

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
    """

    def __init__(self, logs: str = ""):
        self._logs = logs

    def map(self, function, items, done=lambda number, result: None):
        import ray
        from ray.exceptions import RayError, RayTaskError

        task = ray.remote(num_cpus=1, max_retries=_RETRIES)(_alone)
        shared = ray.put(function)
        results: list[Any] = [None] * len(items)
        waiting, running, begun = deque(range(len(items))), {}, {}
        left, seconds = set(range(len(items))), []

        def begin(number: int) -> None:
            reference = task.options(name=f"tfseq {number}").remote(shared, items[number])
            running[reference] = number
            begun.setdefault(number, time.monotonic())

        try:
            while left:
                slots = max(1, int(ray.cluster_resources().get("CPU", 1)))
                while waiting and len(running) < _AHEAD * slots:
                    begin(waiting.popleft())
                if not running:
                    return results
                ready, _ = ray.wait([*running], timeout=1.0)
                if not ready and not ray.cluster_resources().get("CPU"):
                    raise InputError(
                        "`cluster`: no node is left that could do a task. The logs of a node are "
                        f"in {self._logs} there."
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
                        raise InputError(self._lost(number, error)) from error
                    results[number] = result
                    left.discard(number)
                    seconds.append(time.monotonic() - begun[number])
                    if done(number, result):
                        left.intersection_update(running.values())
                        waiting.clear()
                if not waiting and len(running) < slots and seconds:
                    late = max(_LEAST_SECONDS, _STRAGGLING * statistics.median(seconds))
                    twice = [*running.values()]
                    for number in sorted(left):
                        if (
                            twice.count(number) == 1
                            and time.monotonic() - begun[number] > late
                            and len(running) < slots
                        ):
                            begin(number)
            return results
        finally:
            _end(ray, [*running])

    def _lost(self, number: int, error: Exception) -> str:
        words = " ".join(str(error).split())
        return (
            f"`cluster`: task {number} was lost {_RETRIES + 1} times, each time with its process "
            f"or its machine: {words[:600]} The logs of a node are in {self._logs} there."
        )


def _alone(function: Callable, item: Any) -> Any:
    """Do a task on the one core that it has."""
    with contextlib.suppress(RuntimeError):  # TensorFlow has been used already.
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    with on_threads(1):
        return function(item)


def _end(ray: Any, references: Sequence[Any]) -> None:
    """Stop what still runs, and wait until it has."""
    for reference in references:
        with contextlib.suppress(Exception):
            ray.cancel(reference, force=True)
    if references:
        with contextlib.suppress(Exception):
            ray.wait(references, num_returns=len(references), timeout=_SECONDS_TO_END)


def numbered_groups(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items in groups of so many.

    >>> [*numbered_groups([1, 2, 3], 2)]
    [[1, 2], [3]]
    """
    for start in range(0, len(items), size):
        yield items[start : start + size]
