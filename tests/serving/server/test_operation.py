"""What a server does under pressure: refusals, crashes, new versions, and its end."""

import concurrent.futures
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from .running_server import MOST_SECONDS, ROOT, running_server

TOKEN = "open sesame"


def wait_for(condition):
    deadline = time.monotonic() + MOST_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def loaders(server) -> list[int]:
    """The processes that hold versions."""
    children = Path(f"/proc/{server.process.pid}/task").glob("*/children")
    return sorted({int(pid) for file in children for pid in file.read_text().split()})


@contextlib.contextmanager
def stopped(server):
    """No version answers meanwhile."""
    pids = loaders(server)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def answers(server, text: str = "a") -> bool:
    """Whether a request is answered in its time, of which a busy machine may take more."""
    return server.predict(instances=[text]).status_code == 200


def num_waiting(server) -> int:
    text = server.http.get("/monitoring/prometheus/metrics").text
    return int(text.rsplit("tfseq_waiting_requests{", 1)[1].split()[1])


@pytest.fixture(scope="module")
def base_path(language, tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "letters"
    shutil.copytree(language.path, path / "1")
    return path


@pytest.fixture(scope="module")
def small(base_path):
    """A server with little room, and a token."""
    options = [f"--token={TOKEN}", "--max-queue=1", "--max-body-mb=0.01", "--timeout=4"]
    options += ["--num-threads=1", "--poll-seconds=0.1", "--drain-seconds=20"]
    options += ["--allow-origin", "null", "https://host.example:8443"]
    with running_server(base_path, *options, token=TOKEN, quiet=False) as server:
        wait_for(lambda: answers(server))
        yield server


pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="the processes of a server are found in /proc"
)


def test_a_token_is_needed(small):
    for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": f"Basic {TOKEN}"}):
        with httpx.Client(base_url=small.http.base_url, headers=headers, trust_env=False) as http:
            for answer in (
                http.get(f"/v1/models/{small.name}"),
                http.post(f"/v1/models/{small.name}:predict", json={"instances": ["a"]}),
                http.post("/v1/completions", json={"prompt": "a"}),
                http.get("/monitoring/prometheus/metrics"),
            ):
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
            # The page, in which a person enters the token, has no secrets.
            assert http.get("/").status_code in (200, 404)
    wait_for(lambda: answers(small))


def test_pages_from_elsewhere(small, server):
    """Those that are allowed may ask, with a token, and see answers and errors; others may not."""
    path = f"/v1/models/{small.name}:predict"
    asks = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
        "Access-Control-Request-Private-Network": "true",
    }
    with httpx.Client(base_url=small.http.base_url, trust_env=False) as http:
        for origin in ("null", "https://host.example:8443"):
            answer = http.options(path, headers={"Origin": origin, **asks})
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == origin
            assert "POST" in answer.headers["access-control-allow-methods"]
            assert "authorization" in answer.headers["access-control-allow-headers"]
            assert answer.headers["access-control-allow-private-network"] == "true"
            for headers, status in ((small.http.headers, (200, 504)), ({}, (401,))):
                headers = {"Origin": origin, **headers}
                answer = http.post(path, json={"instances": ["a"]}, headers=headers)
                assert answer.status_code in status
                assert answer.headers["access-control-allow-origin"] == origin
        for origin in ("https://host.example", "http://host.example:8443"):
            answer = http.options(path, headers={"Origin": origin, **asks})
            assert answer.status_code == 400
            assert "access-control-allow-origin" not in answer.headers
    # Off unless asked for.
    answer = server.http.get(f"/v1/models/{server.name}", headers={"Origin": "null"})
    assert "access-control-allow-origin" not in answer.headers
    body = {"prompt": "a", "max_tokens": 2, "stream": True}
    answer = small.http.post("/v1/completions", json=body, headers={"Origin": "null"})
    assert answer.headers["access-control-allow-origin"] == "null"
    assert answer.text.endswith("data: [DONE]\n\n")


def test_a_body_has_a_bound(small):
    for content in (b"x" * 10_001, iter([b"x" * 9_000] * 2)):
        answer = small.http.post(f"/v1/models/{small.name}:predict", content=content)
        assert answer.status_code == 413
        assert answer.json() == {"error": "The body of a request must have at most 10000 bytes."}
    wait_for(lambda: answers(small, "x" * 9_900))


@pytest.mark.slow
def test_half_a_body(small):
    """It is waited for, and given up; a client that is gone takes nothing with it."""
    host, port = small.address.split(":")
    head = f"POST /v1/models/{small.name}:predict HTTP/1.1\r\nHost: localhost\r\n"
    head += f"Authorization: Bearer {TOKEN}\r\nContent-Length: 50\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as waiting:
        waiting.sendall(head.encode() + b'{"instances"')
        with socket.create_connection((host, int(port))) as gone:
            gone.sendall(head.encode() + b'{"instances"')
        wait_for(lambda: answers(small))
        assert waiting.recv(4096).startswith(b"HTTP/1.1 408 ")


@pytest.mark.slow
def test_a_full_queue_and_the_time_limit(small):
    with stopped(small), concurrent.futures.ThreadPoolExecutor(2) as pool:
        running = pool.submit(small.predict, instances=["a"])
        time.sleep(0.3)
        waiting = pool.submit(small.predict, instances=["b"])
        wait_for(lambda: num_waiting(small) == 1)
        refused = small.predict(instances=["c"])
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert small.complete(prompt="c", max_tokens=1).status_code in (429, 504)
        assert waiting.result().status_code == 504
        assert running.result().status_code == 504
    wait_for(lambda: answers(small))


@pytest.mark.slow
def test_a_client_that_hangs_up_leaves_the_queue(small):
    with stopped(small), concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(small.predict, instances=["a"])
        time.sleep(0.3)
        path, body = f"/v1/models/{small.name}:predict", {"instances": ["b"]}
        with pytest.raises(httpx.ReadTimeout):
            small.http.post(path, json=body, timeout=0.3)
        wait_for(lambda: num_waiting(small) == 0)
        running.result()
    wait_for(lambda: answers(small))


@pytest.mark.slow
def test_a_version_that_crashes_is_loaded_again(small):
    (crashed,) = loaders(small)
    os.kill(crashed, signal.SIGKILL)
    wait_for(lambda: loaders(small) not in ([crashed], []))
    assert small.predict(instances=["a"]).status_code in (200, 503, 504)
    wait_for(lambda: answers(small))


def test_the_end_is_graceful(small):
    """What was begun is answered; then the server ends by itself, and so do its processes."""
    pids = loaders(small)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        with stopped(small):
            begun = pool.submit(small.predict, instances=["a"])
            time.sleep(0.3)
            small.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            with pytest.raises(httpx.ConnectError):
                httpx.get(small.http.base_url, trust_env=False)
        assert begun.result().status_code == 200
    assert small.process.wait(timeout=60) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.everyday(3)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["exported/none"], "exported/none is not a directory"),
        (["exported/python_docs_gru/1"], "give the directory with the versions"),
        (["tests"], "tests holds no version directory"),
        (["exported", "--host=0.0.0.0"], "needs a `--token`"),
        (["exported", "--host=192.0.2.1", "--token=a"], "`--host` and `--port` must be an address"),
        (["exported", "--labels=stable"], "`--labels` must be NAME=VERSION"),
        (["exported", "--allow-origin", "host.example"], "`--allow-origin` must be https://HOST"),
        (["exported", "--upstream=here"], "`--upstream` must be HOST:PORT"),
        (["exported", "--port=70000"], "`--port` must be an integer from 0 to 65535"),
    ],
)
def test_what_cannot_be_served(options, said):
    done = subprocess.run(
        [sys.executable, "pipelines/serve_export.py", "--port=0", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert said in done.stderr


@pytest.mark.slow
def test_versions_come_and_go_under_load(language, tmp_path):
    """No request is lost, and a stream ends on the version that it began on."""
    base_path = tmp_path / "letters"
    shutil.copytree(language.path, base_path / "1")
    running = running_server(base_path, "--poll-seconds=0.1", quiet=False)
    stop, answers, streams = threading.Event(), [], []

    def ask():
        with httpx.Client(headers=server.http.headers, trust_env=False, timeout=60) as http:
            while not stop.is_set():
                url = f"http://{server.address}/v1/models/{server.name}:predict"
                answers.append(http.post(url, json={"instances": ["abe"]}).status_code)

    def stream():
        while not stop.is_set():
            body = {"prompt": "abe", "max_tokens": 30, "stream": True}
            *events, done, _ = server.complete(**body).text.split("\n\n")
            assert done == "data: [DONE]"
            events = [json.loads(event.removeprefix("data: ")) for event in events]
            assert events[-1]["choices"][0]["finish_reason"] == "length"
            (version,) = {event["system_fingerprint"] for event in events}
            streams.append(version)

    def states():
        answer = server.http.get(f"/v1/models/{server.name}").json()
        return {v["version"]: v["state"] for v in answer["model_version_status"]}

    def answered():
        count = len(answers), len(streams)
        wait_for(
            lambda: (
                any(task.done() for task in tasks)
                or (len(answers) > count[0] + 5 and len(streams) > count[1] + 1)
            )
        )

    with running as server, concurrent.futures.ThreadPoolExecutor(3) as pool:
        tasks = [pool.submit(work) for work in (ask, stream)]
        try:
            answered()
            assert states() == {"1": "AVAILABLE"}
            # Half a copy does not load, and is tried again when it is whole.
            (base_path / "2").mkdir()
            wait_for(lambda: states().get("2") == "END")
            shutil.copytree(base_path / "1", base_path / "2", dirs_exist_ok=True)
            wait_for(lambda: states() == {"2": "AVAILABLE"})
            answered()
            # The only one that answers stays, also when it is removed.
            shutil.rmtree(base_path / "1")
            os.rename(base_path / "2", base_path / ".removed")
            answered()
            os.rename(base_path / ".removed", base_path / "2")
            assert states() == {"2": "AVAILABLE"}
        finally:
            stop.set()
        for task in tasks:
            task.result()
        wait_for(lambda: len(loaders(server)) == 1)
    assert set(answers) == {200}
    assert streams[0] == "version-1"
    assert streams[-1] == "version-2"
