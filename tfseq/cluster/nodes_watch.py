"""The machines of a cluster, as they go and come."""

from collections.abc import Callable
from typing import Any


class NodesWatch:
    """Says in a line which machine is gone, and which one has come.

    Args:
        ray: the module, connected.
        log: where lines go.
    """

    def __init__(self, ray: Any, log: Callable[[str], None]):
        self._ray, self._log = ray, log
        self._alive = self._addresses()

    def look(self) -> None:
        """Look for what has changed since the last time."""
        alive = self._addresses()
        for node in self._alive.keys() - alive:
            self._log(f"the node {self._alive[node]} is gone")
        for node in alive.keys() - self._alive:
            self._log(f"the node {alive[node]} has come")
        self._alive = alive

    def _addresses(self) -> dict[str, str]:
        return {
            node["NodeID"]: node["NodeManagerAddress"]
            for node in self._ray.nodes()
            if node["Alive"]
        }
