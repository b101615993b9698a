"""Runs of the script on several workers, some of which are killed."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline_scripts import command

ON_TWO = ("--workers=2", "--cluster=auto")
_SECONDS = 300.0


def parent_of(pid: int) -> int:
    """The parent of a process; 0 where there is no such process."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def descendants(pid: int) -> set[int]:
    """The processes that a process has started, and they in turn."""
    parents = {int(p.name): parent_of(int(p.name)) for p in Path("/proc").glob("[0-9]*")}
    found, near = set(), {pid}
    while near:
        near = {child for child, parent in parents.items() if parent in near}
        found |= near
    return found


def workers_of(pid: int) -> list[int]:
    """The workers that train for a driver."""
    found = []
    for child in descendants(pid):
        with contextlib.suppress(OSError):
            if b"RayTrainWorker" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return sorted(found)


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """A directory for temporary files, of a path short enough for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as place:
        yield Path(place)


def run(
    words: list[str], run_dir: Path, moment: Callable | None = None, act: Callable | None = None
) -> tuple[int, str, bool]:
    """Run the script; when `moment(run_dir)` says so, `act(driver)`.

    Nothing that it has started is there afterwards: no process, no temporary file.

    Returns:
        (exit status, what was printed, whether `act` was called).
    """
    acted, seen = False, set()
    with short_directory() as place:
        log = place.with_name(place.name + ".log")
        with log.open("w") as file:
            child = subprocess.Popen(
                command("train_language_model", *words, f"--run-dir={run_dir}"),
                stdout=file,
                stderr=file,
                env={**os.environ, "TMPDIR": str(place), "TF_CPP_MIN_LOG_LEVEL": "2"},
            )
        try:
            deadline = time.monotonic() + _SECONDS
            while child.poll() is None:
                assert time.monotonic() < deadline, log.read_text()
                if moment is not None and not acted and moment(run_dir):
                    seen |= descendants(child.pid)
                    act(child.pid)
                    acted = True
                time.sleep(0.01)
            killed = child.returncode == -signal.SIGKILL
            assert_gone(seen, 120.0)  # Agents of Ray look for their node now and then.
            assert killed or not [*place.iterdir()]
            return child.returncode, log.read_text(), acted
        finally:
            child.kill()
            child.wait()
            log.unlink()


def assert_gone(pids: set[int], seconds: float) -> None:
    """Fail where one of these processes is still there after so many seconds."""
    until = time.monotonic() + seconds
    while left := {pid for pid in pids if parent_of(pid)}:
        assert time.monotonic() < until, f"still there: {left}"
        time.sleep(0.1)


def kill_worker(number: int) -> Callable[[int], None]:
    """Kill a worker of a driver."""

    def act(driver: int) -> None:
        workers = workers_of(driver)
        os.kill(workers[number % len(workers)], signal.SIGKILL)

    return act


def interrupt(driver: int) -> None:
    """Ctrl-C."""
    os.kill(driver, signal.SIGINT)


def kill(driver: int) -> None:
    """Kill the driver itself."""
    os.kill(driver, signal.SIGKILL)
