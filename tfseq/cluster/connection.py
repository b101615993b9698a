"""A connection to a Ray cluster: found, or started and ended again."""

import contextlib
import gc
import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfseq.cluster.node_check import check_nodes
from tfseq.errors import InputError
from tfseq.files.temporary_place import temporary_place

# Where `ray start` leaves the address of the cluster of this machine, besides RAY_ADDRESS.
_CURRENT = Path(tempfile.gettempdir(), "ray", "ray_current_cluster")
_SECONDS = 3.0
# Paths of sockets are at most 107 bytes long, of which Ray's own part takes most.
_MOST_PATH = 30
# What a gRPC server, as Ray is, is greeted with (HTTP/2, RFC 9113, 3.4); its answer.
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS = 4
# What Ray prints of a worker, or a machine, that was killed: up to thirty lines each.
_SAID_BY_US = (
    "^(A worker died or was killed|Raylet is terminated|The node with node id: .* marked dead)"
)


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
    # Ray numbers the actors of each cluster from the start. A handle that is left from an earlier
    # cluster would, once collected, end the actor of this cluster with the same number.
    gc.collect()
    with contextlib.ExitStack() as stack:
        take_sigterm = stack.enter_context(_sigterm())
        started, temporary = {}, {}
        if found is None:
            place = stack.enter_context(temporary_place(_base()))
            temporary["TMPDIR"] = place
            started = {
                "num_cpus": num_cpus or usable_cpus(),
                "include_dashboard": dashboard,
                "_temp_dir": place,
            }
        stack.callback(ray.shutdown)
        try:
            # RAY_ADDRESS would win over `address`. What Ray's processes put into TMPDIR, and leave
            # there, goes with the cluster.
            with _variables(RAY_ADDRESS=None, **temporary):
                ray.init(
                    address=found or "local",
                    configure_logging=True,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    **started,
                )
        except (RayError, RuntimeError, ValueError, OSError) as error:
            raise InputError(
                f"`cluster` {address}: Ray cannot be used: {in_a_line(error)}"
            ) from error
        take_sigterm()
        connection = _described(ray, started=found is None, log=log)
        if found is not None:
            check_nodes()
        try:
            yield connection
        except RayError as error:
            raise InputError(
                f"`cluster` {address}: Ray failed: {in_a_line(error)} The logs of a node are in "
                f"{connection.logs} there."
            ) from error


@contextlib.contextmanager
def _sigterm() -> Iterator[Callable[[], None]]:
    """Gives what makes SIGTERM an ordinary end, of which the block tidies up.

    It has to be called when Ray has been started: Ray prints where it was, and leaves three seconds
    until it aborts the process.
    """
    former = signal.getsignal(signal.SIGTERM)

    def end(*_: Any) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    if former is None or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    try:
        yield lambda: signal.signal(signal.SIGTERM, end)
    finally:
        signal.signal(signal.SIGTERM, former)


def usable_cpus() -> int:
    """The CPUs that this process may use, or those of the machine where the system cannot tell."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def in_a_line(error: Exception) -> str:
    r"""The first paragraph of what an error of Ray says.

    >>> in_a_line(ValueError("The node\n\tis gone.\n\nTo see more, ..."))
    'The node is gone.'
    """
    return " ".join(str(error).strip().partition("\n\n")[0].split())


def check_address(address: str) -> bool:
    """Whether the cluster of an address runs already; `connect` starts one where it does not.

    Raises:
        InputError: no Ray answers at the address, or Ray is not installed.
    """
    ray = _import_ray(address)
    return ray.is_initialized() or _find(address) is not None


def keep_ray_quiet() -> None:
    """Leave out what Ray prints of what is lost: it is made good, or said in a line of ours.

    It has to be called before Ray is imported.
    """
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", _SAID_BY_US)


def _import_ray(address: str) -> Any:
    keep_ray_quiet()
    try:
        import ray
    except ImportError:
        raise InputError(
            '`cluster` needs Ray, which is not installed: `pip install "tfseq[scale]"`. '
            f"Received: {address!r}."
        ) from None
    return ray


def _base() -> str:
    """Where a cluster has its temporary directory."""
    base = tempfile.gettempdir()
    return base if len(base) <= _MOST_PATH else "/tmp"


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
def _variables(**values: str | None) -> Iterator[None]:
    """With other values of variables of the environment; without those that are None."""
    former = {name: os.environ.pop(name, None) for name in values}
    os.environ.update({name: value for name, value in values.items() if value is not None})
    try:
        yield
    finally:
        for name, value in former.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
