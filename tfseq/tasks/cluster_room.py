"""Workers that wait for machines."""

import time
from collections.abc import Callable

from tfseq.cluster.nodes_watch import NodesWatch
from tfseq.cluster.room import RoomWatch, alive_nodes, describe_room

_SECONDS = 5.0
_WAITING = ("PENDING", "RESCHEDULING")


class WorkersWatch:
    """Looks every few seconds whether the workers have room, and says so where they have not.

    It names machines that go and come.

    Args:
        workers: how many there are.
        each: what each of them needs, by Ray's names.
        log: where lines go.
        clock: seconds.
    """

    def __init__(
        self,
        workers: int,
        each: dict[str, float],
        log: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ):
        import ray

        self._ray, self._workers, self._each = ray, workers, each
        self._clock, self._looked = clock, 0.0
        self._nodes = NodesWatch(ray, log)
        self._room = RoomWatch(log, lambda: describe_room(ray), clock=clock)

    def look(self) -> None:
        """Raise InputError where there has been no room for ten minutes."""
        now = self._clock()
        if now - self._looked < _SECONDS:
            return
        self._looked = now
        self._nodes.look()
        states = self._states()
        if "CREATED" in states:
            self._room.found()
        # Between two attempts Ray has none.
        elif any(state in _WAITING for state in states):
            needs = " and ".join(f"{n:g} {name}{'s' * (n > 1)}" for name, n in self._each.items())
            self._room.wait(
                f"{self._workers} workers have waited for {needs} each",
                fits_into(alive_nodes(self._ray), self._workers, self._each),
                f"`workers` {self._workers}, with {needs} each, have had no room in the cluster",
            )

    def _states(self) -> list[str]:
        """Of the places that Ray Train has asked for, for workers like these."""
        table = self._ray.util.placement_group_table()
        # It lists the places of all jobs. The number of a place ends with that of its job.
        job = self._ray.get_runtime_context().get_job_id()
        return [
            group["state"]
            for number, group in table.items()
            if number.endswith(job) and [*group["bundles"].values()] == [self._each] * self._workers
        ]


def fits_into(nodes: list[dict[str, float]], workers: int, each: dict[str, float]) -> bool:
    """Whether machines with nothing else to do have room for the workers.

    >>> fits_into([{"CPU": 3.0}, {"CPU": 3.0}], 3, {"CPU": 2.0})
    False
    >>> fits_into([{"CPU": 3.0}, {"CPU": 4.0}], 3, {"CPU": 2.0})
    True
    """
    return workers <= sum(
        min(int(node.get(name, 0) // needed) for name, needed in each.items()) for node in nodes
    )
