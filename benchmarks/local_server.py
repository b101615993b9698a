"""The local server beside the loader that it stands on: what HTTP, JSON and queues cost.

    python benchmarks/local_server.py
    python benchmarks/local_server.py --export exported/python_docs_gru --connections 32

Throughput: a number of connections, each with the next request as soon as it has an answer, of one
row. The bare loader gets the same requests from as many threads inside its own process, with
neither HTTP nor JSON, each request run by itself; the server puts those of several connections
together. They take turns in one run. Then latency in an open loop: requests come at random times
(a Poisson process), half as many as the server can answer, and each counts from when it came.

The clients run in a process of their own, on the same cores.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from tfseq.serving.loader.loader_process import LoaderProcess
from tfseq.serving.versions import next_version

ROOT = Path(__file__).parents[1]
PROMPT = "The value of the object is a sequence of characters that begins "  # 64 characters
GENERATE = {"max_new_tokens": 100, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 1}
REQUESTS = {
    "next_token": {"prompt": PROMPT},
    "score": {"text": PROMPT},
    "generate": {"prompt": PROMPT[:3], **GENERATE},
}
DTYPES = {"max_new_tokens": "int32", "temperature": "float32", "top_k": "int32", "top_p": "float32"}


def columns(row: dict) -> dict[str, np.ndarray]:
    """A request of one row, as the loader takes it."""
    return {name: np.array([value], DTYPES.get(name)) for name, value in row.items()}


@contextlib.contextmanager
def started_server(base_path: Path) -> Iterator[tuple[str, int, str]]:
    """Host, port and model's name of `serve_export.py` in a process of its own."""
    script = ROOT / "pipelines" / "serve_export.py"
    command = [sys.executable, str(script), str(base_path), "--port=0", "--max-queue=4096"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = process.stdout.readline()
            name, host, port = re.search(r"^(\S+) is served at http://(.+):(\d+)/", said).groups()
            yield host, int(port), name
        finally:
            process.terminate()


class Connection:
    """One that is kept, for one request after another."""

    async def open(self, host: str, port: int) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(host, port)
        return self

    async def post(self, request: bytes) -> None:
        """Send a request and read the answer; raises RuntimeError if it is not 200."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
        body = await self._reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(body.decode())

    def has_ended(self) -> bool:
        """Whether the server has closed it, for having been idle."""
        return self._reader.at_eof()

    def close(self) -> None:
        self._writer.close()


def http_request(model: str, signature: str) -> bytes:
    """A whole HTTP request for one row."""
    body = json.dumps({"signature_name": signature, "instances": [REQUESTS[signature]]})
    head = (
        f"POST /v1/models/{model}:predict HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


async def closed_loop(host: str, port: int, request: bytes, connections: int, seconds: float):
    """Answers a second, with every connection always waiting for one."""
    end, answers = time.perf_counter() + seconds, 0

    async def client():
        nonlocal answers
        connection = await Connection().open(host, port)
        while time.perf_counter() < end:
            await connection.post(request)
            answers += 1
        connection.close()

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    return answers / (time.perf_counter() - start)


async def open_loop(host: str, port: int, request: bytes, rate: float, seconds: float):
    """Seconds from when each request came to its answer, at `rate` requests a second."""
    chance, loop, latencies, idle = random.Random(0), asyncio.get_running_loop(), [], []

    async def one(came: float):
        while idle and idle[-1].has_ended():
            idle.pop().close()
        connection = idle.pop() if idle else await Connection().open(host, port)
        await connection.post(request)
        idle.append(connection)
        latencies.append(loop.time() - came)

    came = start = loop.time()
    tasks = []
    while came < start + seconds:
        await asyncio.sleep(max(0.0, came - loop.time()))
        tasks.append(asyncio.create_task(one(came)))
        came += chance.expovariate(rate)
    await asyncio.gather(*tasks)
    for connection in idle:
        connection.close()
    return latencies


def in_child(function: str, *arguments) -> float | list[float]:
    """What one of the two loops gives, run in a process of its own."""
    command = [sys.executable, __file__, "--child", json.dumps([function, *arguments])]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--export", type=Path, default=ROOT / "exported" / "python_docs_gru")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each turn")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        function, host, port, request, *others = json.loads(options.child)
        loop = {"closed": closed_loop, "open": open_loop}[function]
        print(json.dumps(asyncio.run(loop(host, port, request.encode(), *others))))
        return
    newest = options.export / str(next_version(options.export) - 1)
    with LoaderProcess() as loader, started_server(options.export) as (host, port, model):
        loader.load(newest)
        print(f"{options.connections} connections, answers a second of one row each: median")
        print(f"{'':12}{'loader':>10}{'server':>10}   server / loader (10% to 90%)")
        capacities = {}
        for name, row in REQUESTS.items():
            request = http_request(model, name).decode()
            rates = {"loader": [], "server": []}
            for turn in range(options.rounds + 1):
                done = loader.soak(
                    newest, [(name, columns(row))], options.connections, options.seconds
                )
                server = in_child(
                    "closed", host, port, request, options.connections, options.seconds
                )
                if turn:  # The first warms up.
                    rates["loader"].append(done["count"] / options.seconds)
                    rates["server"].append(server)
            capacities[name] = statistics.median(rates["server"])
            ratios = np.divide(rates["server"], rates["loader"])
            low, middle, high = np.percentile(ratios, [10, 50, 90])
            print(
                f"{name:12}{statistics.median(rates['loader']):10.0f}{capacities[name]:10.0f}"
                f"   {middle:.2f} ({low:.2f} to {high:.2f})"
            )
        print("\nOpen loop at half of that, milliseconds from when a request came to its answer")
        print(f"{'':12}{'requests/s':>12}{'p50':>8}{'p90':>8}{'p99':>8}")
        for name, capacity in capacities.items():
            request = http_request(model, name).decode()
            seconds = in_child("open", host, port, request, capacity / 2, 5 * options.seconds)
            p50, p90, p99 = np.percentile(seconds, [50, 90, 99]) * 1000
            print(f"{name:12}{capacity / 2:12.0f}{p50:8.1f}{p90:8.1f}{p99:8.1f}")


if __name__ == "__main__":
    main()
