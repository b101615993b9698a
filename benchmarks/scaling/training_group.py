"""Processes that train together, told what to do by this one."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


class TrainingGroup:
    """So many processes of `training_worker.py`; one process trains alone.

    Args:
        size: how many.
        threads: of each.
    """

    def __init__(self, size: int, threads: int):
        self._complaints = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115
        self._processes = []
        servers = [f"127.0.0.1:{port}" for port in _free_ports(size)]
        for rank in range(size):
            environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
            if size > 1:
                task = {"type": "worker", "index": rank}
                config = {"cluster": {"worker": servers}, "task": task}
                environment["TF_CONFIG"] = json.dumps(config)
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, Path(__file__).with_name("training_worker.py"), str(threads)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._complaints,
                    text=True,
                    env=environment,
                )
            )

    def ask(self, name: str, *arguments: Any) -> list[Any]:
        """What each process answers to a request that all of them get."""
        try:
            for process in self._processes:
                print(json.dumps({name: arguments}), file=process.stdin, flush=True)
            return [json.loads(process.stdout.readline()) for process in self._processes]
        except (BrokenPipeError, json.JSONDecodeError):
            self._complaints.seek(0)
            raise RuntimeError(
                f"A worker ended while asked to {name}:\n{self._complaints.read()[-2000:]}"
            ) from None

    def close(self) -> None:
        for process in self._processes:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        for process in self._processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._complaints.close()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [server.getsockname()[1] for server in servers]
