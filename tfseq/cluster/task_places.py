"""On which nodes tasks are: each notes it in the store of keys that a Ray cluster has."""

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from typing import Any

from tfseq.cluster.node_check import on_every_node

_NAMESPACE = b"tfseq"


class TaskPlaces:
    """The nodes of tasks, as the process knows them that has begun these.

    Args:
        ray: the module, connected.
    """

    def __init__(self, ray: Any):
        from ray.experimental import internal_kv

        self._ray, self._keys = ray, internal_kv
        self._prefix = f"{uuid.uuid4().hex}/"

    def key(self, task: int) -> str:
        """What a task notes its place under, see `noted_here`."""
        return f"{self._prefix}{task}/"

    def any_at_work(self) -> bool:
        """Whether a task has begun, on a node that is still there, and has not ended."""
        alive = {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
        return any(node in alive for node, *_ in self._noted(self._prefix))

    def lost(self, task: int) -> list[str]:
        """The addresses of the nodes on which a task was lost, each once."""
        return sorted({address for _, address, _ in self._noted(self.key(task))})

    def wait_until_gone(self, seconds: float) -> None:
        """Wait until the processes of tasks that were stopped have ended, at most so long.

        Ray says that a task has ended when it has told its process to end. That may still write.
        """
        pids: dict[str, list[int]] = {}
        for node, _, pid in self._noted(self._prefix):
            pids.setdefault(node, []).append(pid)

        def wait() -> None:
            import ray

            left = pids.get(ray.get_runtime_context().get_node_id(), [])
            until = time.monotonic() + seconds
            while any(map(_is_there, left)) and time.monotonic() < until:
                time.sleep(0.01)

        if pids:
            on_every_node(wait)

    def forget(self) -> None:
        """Remove what is noted."""
        with contextlib.suppress(Exception):
            self._keys._internal_kv_del(
                self._prefix.encode(), del_by_prefix=True, namespace=_NAMESPACE
            )

    def _noted(self, prefix: str) -> Iterator[tuple[str, str, int]]:
        for key in self._keys._internal_kv_list(prefix.encode(), namespace=_NAMESPACE):
            node, address, pid, _ = key.decode().split("/")[-4:]
            yield node, address, int(pid)


@contextlib.contextmanager
def noted_here(key: str) -> Iterator[None]:
    """Within a task: its node is noted while the block lasts, and afterwards if it never ends."""
    import ray
    from ray.experimental import internal_kv

    node, address = ray.get_runtime_context().get_node_id(), ray.util.get_node_ip_address()
    full = f"{key}{node}/{address}/{os.getpid()}/{uuid.uuid4().hex}".encode()
    with contextlib.suppress(Exception):
        internal_kv._internal_kv_put(full, b"", namespace=_NAMESPACE)
    try:
        yield
    finally:
        with contextlib.suppress(Exception):
            internal_kv._internal_kv_del(full, namespace=_NAMESPACE)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
