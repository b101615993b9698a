"""Where parts of a piece of work are done: here, or by the workers of a cluster."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from tfseq.cluster.where import Where
from tfseq.tasks.prediction.workers import Parts, Work, workers_of
from tfseq.tasks.task import Task


class Doers(Protocol):
    """What does parts of a piece of work.

    Attributes:
        most: how many parts are done side by side, at most.
    """

    most: int

    def answers(self, work: Work, parts: Parts) -> Iterator[tuple[Any, Any]]:
        """The name of each part and `work(task, *values)`, in the order in which they are done."""


class _Here:
    """This process, one part after another."""

    most = 1

    def __init__(self, task: Task):
        self._task = task

    def answers(self, work: Work, parts: Parts) -> Iterator[tuple[Any, Any]]:
        for name, values in parts:
            yield name, work(self._task, *values)


@contextlib.contextmanager
def spread(task: Task, where: Where) -> Iterator[Doers]:
    """What does parts of a piece of work with a task, for as long as the block lasts.

    Args:
        task: the task, of a run that is on disk.
        where: this process, or a cluster.

    Raises:
        InputError: as `workers_of`.
    """
    if where.cluster is None:
        yield _Here(task)
        return
    with workers_of(task.directory, where.cluster, where.workers, where.log) as found:
        yield found


def in_order(doers: Doers, work: Work, values: Iterable[tuple]) -> list[Any]:
    """`work(task, *values)` for each, in their order."""
    found = dict(doers.answers(work, enumerate(values)))
    return [found[number] for number in range(len(found))]
