"""`pipelines/serve_export.py` in a process of its own, as a person starts it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx

ROOT = Path(__file__).parents[3]
# No start takes so long, on any machine.
MOST_SECONDS = 120


class Running(NamedTuple):
    """A server that answers.

    Attributes:
        name: of its model.
        address: HOST:PORT.
        http: a client of it.
        process: the server.
    """

    name: str
    address: str
    http: httpx.Client
    process: subprocess.Popen

    def predict(self, signature: str | None = None, path: str = "", **body) -> httpx.Response:
        """`:predict`; `path` stands between the model's name and it."""
        if signature is not None:
            body["signature_name"] = signature
        return self.http.post(f"/v1/models/{self.name}{path}:predict", json=body)

    def complete(self, **body) -> httpx.Response:
        """`/v1/completions`."""
        return self.http.post("/v1/completions", json=body)


@contextlib.contextmanager
def running_server(
    path, *options: str, token: str | None = None, quiet: bool = True
) -> Iterator[Running]:
    """A server of a base path at a free port; it must end well in the end.

    With `quiet` it must say nothing on standard error."""
    command = [sys.executable, str(ROOT / "pipelines" / "serve_export.py"), str(path), "--port=0"]
    process = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    timer = threading.Timer(MOST_SECONDS, process.kill)
    timer.start()
    try:
        line = process.stdout.readline()
        timer.cancel()
        match = re.fullmatch(r"(\S+) is served at http://([^/]+)/v1/models/\1\n", line)
        assert match, (line, process.stderr.read())
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        http = httpx.Client(
            base_url=f"http://{match[2]}", headers=headers, timeout=60, trust_env=False
        )
        with http:
            yield Running(match[1], match[2], http, process)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert not errors or not quiet
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            stream.close()
