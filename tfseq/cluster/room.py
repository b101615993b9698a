"""Work that waits until a cluster has room for it."""

import time
from collections.abc import Callable
from typing import Any

from tfseq.errors import InputError

_LINE_SECONDS = 60.0
_MOST_SECONDS = 600.0


class RoomWatch:
    """Says that work waits for room, and gives up where no machine could have room for it.

    A line a minute says for what it waits, and what the cluster has. Where the machines are only
    busy, it waits for as long as that takes. Where they are too few or too small, more may come:
    after ten minutes without them it ends.

    Args:
        log: where lines go.
        cluster: what the cluster has, in words.
        kind: of the error with which it ends.
        clock: seconds.

    >>> seconds = iter([0.0, 59.0, 61.0, 601.0]).__next__
    >>> watch = RoomWatch(print, lambda: "the cluster has 1 node", clock=seconds)
    >>> for _ in range(3):
    ...     watch.wait("2 workers have waited", fits=False, error="Too few CPUs")
    for 1 min, 2 workers have waited; the cluster has 1 node
    >>> watch.wait("2 workers have waited", fits=False, error="Too few CPUs")
    Traceback (most recent call last):
    tfseq.errors.InputError: Too few CPUs for 10 minutes: the cluster has 1 node. Add a...
    """

    def __init__(
        self,
        log: Callable[[str], None],
        cluster: Callable[[], str],
        kind: type[InputError] = InputError,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._log, self._cluster, self._kind, self._clock = log, cluster, kind, clock
        self.found()

    def found(self) -> None:
        """The work is being done."""
        self._begun: float | None = None
        self._without_room: float | None = None

    def wait(self, what: str, fits: bool, error: str) -> None:
        """The work waits. It is called again and again, a few seconds apart.

        Args:
            what: what has waited for what.
            fits: whether the cluster would have room, were nothing else done there.
            error: how the message begins with which it ends.

        Raises:
            InputError: it has not fitted for ten minutes.
        """
        now = self._clock()
        if self._begun is None:
            self._begun = self._shown = now
        if fits:
            self._without_room = None
        elif self._without_room is None:
            self._without_room = now
        elif now - self._without_room >= _MOST_SECONDS:
            raise self._kind(
                f"{error} for {_MOST_SECONDS / 60:.0f} minutes: {self._cluster()}. Add a machine, "
                "and start again."
            )
        if now - self._shown >= _LINE_SECONDS:
            self._shown = now
            self._log(f"for {(now - self._begun) / 60:.0f} min, {what}; {self._cluster()}")


def alive_nodes(ray: Any) -> list[dict[str, float]]:
    """What each machine of the cluster has, by Ray's names: `{"CPU": 8.0, "GPU": 1.0, …}`."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def describe_room(ray: Any) -> str:
    """What the cluster has, and what of it is free."""
    nodes = alive_nodes(ray)
    free = ray.available_resources()
    parts = []
    for name in ("CPU", "GPU"):
        total = sum(node.get(name, 0) for node in nodes)
        if total or name == "CPU":
            plural = "s" * (total != 1)
            parts.append(f"{total:g} {name}{plural}, {free.get(name, 0):g} free")
    plural = "s" * (len(nodes) != 1)
    return f"the cluster has {len(nodes)} node{plural} with {' and '.join(parts)}"
