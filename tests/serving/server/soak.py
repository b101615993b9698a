"""Mixed load on a server whose versions come and go: nothing is lost, and nothing is left.

    python tests/serving/server/soak.py exported/python_docs_gru --minutes 10

Clients predict, stream, hang up, send half a body, bodies of 10 MB and wrong JSON, while versions
are added and removed. It prints what was answered, and the memory and threads of the server at the
beginning and the end; it fails where a request got another answer than it should.
"""

import argparse
import collections
import contextlib
import json
import random
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.serving.server.running_server import Running, running_server
from tfseq.serving.versions import next_version


class Load:
    """Clients, each in a thread, that note what is not as it should be."""

    def __init__(self, server: Running, seconds: float):
        self.server, self.end = server, time.monotonic() + seconds
        self.counts, self.faults = collections.Counter(), []

    def run(self, number: int) -> None:
        """Do one thing after another until the time is over."""
        chance = random.Random(number)
        url = f"http://{self.server.address}"
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
            while time.monotonic() < self.end:
                work = chance.choice(_WORKS)
                try:
                    work(self, http, chance)
                    self.counts[work.__name__] += 1
                except Exception as error:
                    self.faults.append(f"{work.__name__}: {error!r}")

    def predict(self, http: httpx.Client, chance: random.Random) -> None:
        prompts = ["The "] * chance.randint(1, 8)
        answer = http.post(self._path, json={"instances": prompts})
        assert answer.status_code == 200, answer.text
        assert len(set(answer.json()["predictions"])) == 1

    def score(self, http: httpx.Client, chance: random.Random) -> None:
        texts = ["The value of " * chance.randint(1, 20), "a"]
        body = {"signature_name": "score", "inputs": texts}
        outputs = http.post(self._path, json=body).json()["outputs"]
        for number, scores in zip(
            outputs["num_tokens"], outputs["token_log_probabilities"], strict=True
        ):
            assert len(scores) == max(outputs["num_tokens"])
            assert not any(scores[number:])

    def stream(self, http: httpx.Client, chance: random.Random) -> None:
        body = {"prompt": "The ", "max_tokens": 30, "stream": True, "seed": 1}
        text = http.post("/v1/completions", json=body).text
        *events, done, _ = text.split("\n\n")
        assert done == "data: [DONE]", text
        events = [json.loads(event.removeprefix("data: ")) for event in events]
        assert len({event["system_fingerprint"] for event in events}) == 1
        assert events[-1]["choices"][0]["finish_reason"] == "length"

    def hang_up_in_a_stream(self, http: httpx.Client, chance: random.Random) -> None:
        body = {"prompt": "The ", "max_tokens": 30, "stream": True}
        with http.stream("POST", "/v1/completions", json=body) as answer:
            next(answer.iter_raw())

    def hang_up(self, http: httpx.Client, chance: random.Random) -> None:
        body = json.dumps({"instances": ["The "] * 16}).encode()
        with self._connected(len(body), body):
            time.sleep(chance.random() / 100)

    def send_half_a_body(self, http: httpx.Client, chance: random.Random) -> None:
        with self._connected(50, b'{"instances"'):
            time.sleep(chance.random() / 100)

    def send_too_much(self, http: httpx.Client, chance: random.Random) -> None:
        with contextlib.suppress(httpx.WriteError, httpx.RemoteProtocolError):
            answer = http.post(self._path, content=b"x" * 10_000_000)
            assert answer.status_code == 413, answer.text

    def send_wrong_json(self, http: httpx.Client, chance: random.Random) -> None:
        content = chance.choice([b"{", b"[[", b"\xff", b'{"instances": [{}]}', b"[" * 9_999])
        answer = http.post(self._path, content=content)
        assert answer.status_code == 400, answer.text

    @property
    def _path(self) -> str:
        return f"/v1/models/{self.server.name}:predict"

    def _connected(self, length: int, body: bytes) -> socket.socket:
        host, port = self.server.address.split(":")
        connection = socket.create_connection((host, int(port)), timeout=10)
        head = f"POST {self._path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode() + body)
        return connection


_WORKS = (
    *(Load.predict, Load.score, Load.stream, Load.hang_up_in_a_stream, Load.hang_up),
    *(Load.send_half_a_body, Load.send_too_much, Load.send_wrong_json),
)


def held(server: Running) -> dict[str, int]:
    """What a server holds: megabytes, threads, open files, and processes for its versions."""
    place = Path(f"/proc/{server.process.pid}")
    status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    children = (file.read_text().split() for file in (place / "task").glob("*/children"))
    return {
        "megabytes": int(status["VmRSS"].split()[0]) // 1000,
        "threads": int(status["Threads"]),
        "files": len(list((place / "fd").iterdir())),
        "processes": sum(map(len, children)),
    }


def change_versions(base_path: Path, load: Load, seconds: float) -> int:
    """Add the next version and remove the last, again and again; returns how many there were."""
    number = 1
    while time.monotonic() + seconds < load.end:
        old, new = base_path / str(number), base_path / str(number + 1)
        shutil.copytree(old, base_path / ".next")
        (base_path / ".next").rename(new)
        time.sleep(seconds)
        shutil.rmtree(old)
        number += 1
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="exported/NAME")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--version-seconds", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        base_path = Path(directory, "served")
        newest = options.path / str(next_version(options.path) - 1)
        shutil.copytree(newest, base_path / "1")
        with running_server(base_path, "--poll-seconds=0.2") as server:
            # What is made once and kept is there before it is measured.
            Load(server, 2).run(0)
            before, load = held(server), Load(server, 60 * options.minutes)
            threads = [
                threading.Thread(target=load.run, args=(number,))
                for number in range(options.clients)
            ]
            for thread in threads:
                thread.start()
            versions = change_versions(base_path, load, options.version_seconds)
            for thread in threads:
                thread.join()
            # The last version removed may still be ending.
            patience = time.monotonic() + 60
            while (after := held(server))["processes"] > 1 and time.monotonic() < patience:
                time.sleep(0.5)
            time.sleep(1)
            after = held(server)
    print(f"versions {versions}, requests {load.counts.total()}: {dict(load.counts)}")
    print(f"the server held {before} before, and {after} after")
    for fault, number in collections.Counter(load.faults).most_common(20):
        print(f"{number} times {fault}")
    if load.faults or after["processes"] != 1 or after["threads"] > before["threads"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
