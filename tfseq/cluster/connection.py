"""A connection to a Ray cluster: found, or started and ended again."""

import contextlib
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfseq.cluster.node_check import check_nodes
from tfseq.errors import InputError

# Where `ray start` leaves the address of the cluster of this machine, besides RAY_ADDRESS.
_CURRENT = Path(tempfile.gettempdir(), "ray", "ray_current_cluster")
_SECONDS = 3.0
# What a gRPC server, as Ray is, is greeted with (HTTP/2, RFC 9113, 3.4); its answer.
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS = 4
# Paths of sockets are at most 107 bytes long, of which Ray's own part takes most.
_MOST_PATH = 30


@dataclass(frozen=True)
class Connection:
    """A cluster that this process is connected to.

    Attributes:
        address: of Ray's head, `host:port`.
        started: whether it was started here, and ends with the connection.
        num_cpus: CPUs of all nodes together.
        num_gpus: GPUs of all nodes together.
        num_nodes: machines, this one among them where it is of the cluster.
        dashboard: address of Ray's pages in a browser, where there are such.
        logs: the directory of a node's logs, on that node.
    """

    address: str
    started: bool
    num_cpus: int
    num_gpus: int
    num_nodes: int
    dashboard: str | None
    logs: Path

    def describe(self) -> str:
        """The cluster in a line."""
        parts = [f"{self.num_nodes} node{'s' * (self.num_nodes > 1)}", f"{self.num_cpus} CPUs"]
        parts += [f"{self.num_gpus} GPUs"] if self.num_gpus else []
        text = f"cluster {'started here' if self.started else self.address}: {', '.join(parts)}"
        return text + (f"; Ray's dashboard {self.dashboard}" if self.dashboard else "")


@contextlib.contextmanager
def connect(
    address: str,
    *,
    num_cpus: int | None = None,
    dashboard: bool = True,
    log: Callable[[str], None] = lambda line: None,
) -> Iterator[Connection]:
    """Connect this process to a Ray cluster for as long as the block lasts.

    What was started is ended with the block, also by an error or Ctrl-C, and its temporary files
    are removed. A cluster that was there stays, and so does a connection that this process had
    before.

    Args:
        address: `host:port` of a cluster that runs, as `ray start --head` prints it; or `auto`:
            that of the environment variable RAY_ADDRESS, or the one that `ray start` has started
            on this machine, or else one of this machine alone is started.
        num_cpus: how many tasks of one CPU a cluster that is started here runs at a time; by
            default as many as this process has CPUs.
        dashboard: whether such a cluster has Ray's pages.
        log: where the line goes that describes the cluster.

    Raises:
        InputError: Ray is not installed; no Ray answers at the address within seconds; or a node
            has another Python, TensorFlow or tfseq than this process.
    """
    ray = _import_ray(address)
    from ray.exceptions import RayError

    if ray.is_initialized():
        yield _described(ray, started=False, log=log)
        return
    found = _find(address)
    with contextlib.ExitStack() as stack:
        started = {}
        if found is None:
            place = stack.enter_context(_temporary_directory())
            started = {
                "num_cpus": num_cpus or _usable_cpus(),
                "include_dashboard": dashboard,
                "_temp_dir": place,
            }
        stack.callback(ray.shutdown)
        try:
            # The variable would win over `address`.
            with _without_variable("RAY_ADDRESS"):
                ray.init(
                    address=found or "local",
                    configure_logging=True,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    **started,
                )
        except (RayError, RuntimeError, ValueError, OSError) as error:
            raise InputError(
                f"`cluster` {address}: Ray cannot be used: {_in_a_line(error)}"
            ) from error
        connection = _described(ray, started=found is None, log=log)
        if found is not None:
            check_nodes()
        try:
            yield connection
        except RayError as error:
            raise InputError(
                f"`cluster` {address}: Ray failed: {_in_a_line(error)} The logs of a node are in "
                f"{connection.logs} there."
            ) from error


def _usable_cpus() -> int:
    """The CPUs that this process may use; of the system where it does not say."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).strip().partition("\n\n")[0].split())


def check_address(address: str) -> None:
    """Raise InputError where no Ray answers at an address, or Ray is not installed."""
    ray = _import_ray(address)
    if not ray.is_initialized():
        _find(address)


def _import_ray(address: str) -> Any:
    try:
        import ray
    except ImportError:
        raise InputError(
            '`cluster` needs Ray, which is not installed: `pip install "tfseq[scale]"`. '
            f"Received: {address!r}."
        ) from None
    return ray


def _find(address: str) -> str | None:
    """`host:port` of a cluster that answers; None where one is to be started."""
    if address != "auto":
        if "://" in address:
            raise InputError(
                "`cluster` must be auto, or host:port as `ray start --head` prints it: the script "
                "runs on a machine of the cluster, where `ray job submit` too brings it. "
                f"Received: {address!r}."
            )
        return _answering(address)
    if variable := os.environ.get("RAY_ADDRESS"):
        return _answering(variable, " (the environment variable RAY_ADDRESS)")
    with contextlib.suppress(OSError, InputError):
        # A cluster that was killed leaves its address behind.
        return _answering(_CURRENT.read_text().strip())
    return None


def _answering(address: str, origin: str = "") -> str:
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise InputError(f"`cluster` must be auto, or host:port. Received: {address!r}{origin}.")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _SECONDS) as peer:
            peer.sendall(_GREETING)
            peer.settimeout(_SECONDS)
            answer = peer.recv(9, socket.MSG_WAITALL)
    except OSError as error:
        reason = error.strerror or str(error) or "no answer"
    else:
        if len(answer) == 9 and answer[3] == _SETTINGS:
            return address
        reason = "what answers there is not Ray"
    raise InputError(
        f"`cluster` {address}{origin}: no Ray cluster answers there: {reason}. Start one with `ray "
        "start --head`, which prints its address, or use auto."
    )


def _described(ray: Any, started: bool, log: Callable[[str], None]) -> Connection:
    context = ray.get_runtime_context()
    resources = ray.cluster_resources()
    node = ray._private.worker._global_node
    page = ray._private.worker.get_dashboard_url()
    connection = Connection(
        address=context.gcs_address,
        started=started,
        num_cpus=int(resources.get("CPU", 0)),
        num_gpus=int(resources.get("GPU", 0)),
        num_nodes=sum(found["Alive"] for found in ray.nodes()),
        dashboard=f"http://{page}" if page else None,
        logs=Path(node.get_logs_dir_path()),
    )
    log(connection.describe())
    return connection


@contextlib.contextmanager
def _temporary_directory() -> Iterator[str]:
    base = tempfile.gettempdir()
    place = tempfile.mkdtemp(prefix="tfseq-", dir=base if len(base) <= _MOST_PATH else "/tmp")
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _without_variable(name: str) -> Iterator[None]:
    value = os.environ.pop(name, None)
    try:
        yield
    finally:
        if value is not None:
            os.environ[name] = value
