"""The loader process: it lives no longer than the process that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MODEL = Path(__file__).parents[3] / "exported" / "python_docs_gru" / "1"

PARENT = f"""
import os, sys, time
import numpy as np
from tfseq.serving.loader.loader_process import LoaderProcess

loader = LoaderProcess()
if sys.argv[1] == "busy":
    loader.load({str(MODEL)!r})
    print(loader.pid, flush=True)
    loader.time({str(MODEL)!r}, "encode", 10**9, text=np.array([b"egg"], object))
elif os.fork():
    # A child of the parent's holds the loader's standard input open, and lives on.
    print(loader.pid, flush=True)
    time.sleep(300)
else:
    os.close(1)
    time.sleep(60)
"""


def is_running(pid: int) -> bool:
    """Whether a process runs. One that has ended stays as a zombie until its parent has looked."""
    if Path("/proc/self/stat").exists():
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state not in "ZX"
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return told.returncode == 0 and not told.stdout.startswith("Z")


@pytest.mark.everyday(1)
@pytest.mark.parametrize("state", ["busy", "held open"])
def test_it_ends_with_its_parent(state):
    """The parent is killed, so that nothing in it has a say: in the middle of a request that
    takes hours, and between requests while another process holds the pipe."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, state], stdout=subprocess.PIPE, text=True
    ) as parent:
        loader = int(parent.stdout.readline())
        time.sleep(0.5)
        assert is_running(loader)
        parent.kill()
        parent.wait(timeout=60)
    deadline = time.monotonic() + 30
    while is_running(loader) and time.monotonic() < deadline:
        time.sleep(0.1)
    outlived = is_running(loader)
    if outlived:
        os.kill(loader, signal.SIGKILL)
    assert not outlived


def test_a_parent_that_ended_before_the_loader_was_ready():
    """Requests were sent, and their sender is gone by the time the first is read."""
    short_lived = subprocess.Popen([sys.executable, "-c", ""])
    short_lived.wait(timeout=60)
    program = Path(__file__).parents[3] / "tfseq" / "serving" / "loader"
    with subprocess.Popen(
        [sys.executable, str(program), "--parent", str(short_lived.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as loader:
        assert loader.wait(timeout=60) == 1
