"""Who may ask the local server, and by which paths: the application alone, without a model."""

import asyncio
import contextlib
import json
import socket
import types

import httpx
import numpy as np
import pytest

pytest.importorskip("starlette", reason="starlette is not installed (extra `server`)")

from starlette.responses import Response

from tfseq.serving.server.app import Access, make_app
from tfseq.serving.server.completions.event_stream import EventStream
from tfseq.serving.server.faults import FaultError
from tfseq.serving.server.options import Limits
from tfseq.serving.server.rest.endpoints import RestEndpoints
from tfseq.serving.server.rest.metrics import Metrics
from tfseq.serving.server.upstream import Upstream
from tfseq.serving.wire.signature import Signature, TensorInfo

LOCAL = Access(hosts=frozenset({"localhost", "127.0.0.1", "::1"}))
DOUBLE = Signature({"x": TensorInfo("DT_FLOAT", (-1,))}, {"y": TensorInfo("DT_FLOAT", (-1,))})


class Version:
    number, state, fault, is_available = 3, "AVAILABLE", None, True
    signatures = types.MappingProxyType({"serving_default": DOUBLE})

    def in_use(self):
        return contextlib.nullcontext()

    async def predict(self, signature, inputs, timeout):
        if inputs["x"][0] == 13:
            raise KeyError("bad luck")
        return {"y": 2 * inputs["x"]}


class Model:
    """One version, which is called `stable` too."""

    def __init__(self, name):
        self.name = name

    def versions(self):
        return [Version()]

    def find(self, number=None, label=None):
        if number not in (None, 3) or label not in (None, "stable & old"):
            raise FaultError("NOT_FOUND", "no such version")
        return Version()


async def _nothing(request):
    return Response("here")


def app_of(name="letters", access=LOCAL, metrics=None):
    rest = RestEndpoints(Model(name), Limits(), metrics or Metrics(name))
    return make_app(rest, {"/v1/models": _nothing, "/v1/completions": _nothing}, _nothing, access)


def ask(app, method, path, headers=(), **more):
    async def go():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=dict(headers), **more)

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("localhost:8501", True),
        ("LOCALHOST", True),
        ("127.0.0.1:80", True),
        ("[::1]:8501", True),
        ("localhost:", True),
        ("evil.example:8501", False),
        ("localhost.evil.example", False),
        # What is no name is none of these, and does not hide the path either.
        ("evil.example:99999999", False),
        ("localhost/?", False),
        ("localhost@evil.example", False),
        ("", False),
    ],
)
def test_the_server_has_its_own_names(host, may):
    for path in ("/", "/v1/models/letters"):
        answer = ask(app_of(), "GET", path, {"Host": host})
        assert answer.status_code == (200 if may else 403)
        assert may or "is not called" in answer.json()["error"]


@pytest.mark.parametrize("host", ["localhost", "localhost/?", "localhost/#"])
def test_no_name_takes_the_place_of_a_token(host):
    answer = ask(app_of(access=Access(token="sesame")), "GET", "/v1/models", {"Host": host})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        ({"Origin": "http://localhost:8501"}, True),
        ({"Origin": "https://host.example"}, True),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "chrome-extension://abcdef"}, True),
        ({"Origin": "http://localhost:8502"}, False),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "https://localhost:8501.evil.example"}, False),
        ({"Origin": "null"}, False),
    ],
)
def test_pages_of_others_may_not_ask(headers, may):
    """A browser sends what they ask as plain text, and only keeps the answer from them."""
    access = LOCAL._replace(origins=("https://host.example",))
    headers = {"Host": "localhost:8501", "Content-Type": "text/plain", **headers}
    answer = ask(app_of(access=access), "POST", "/v1/completions", headers, content=b"{}")
    assert answer.status_code == (200 if may else 403)
    assert may or "--allow-origin" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["a#b", "a?b", "a:b", "50%", "a\\b", "想 要", "%41"])
def test_a_name_may_have_any_sign(name):
    app, path = app_of(name), f"/v1/models/{quoted(name)}"
    described = ask(app, "GET", f"{path}/metadata").json()
    assert described["model_spec"] == {"name": name, "signature_name": "", "version": "3"}
    assert ask(app, "GET", path).json()["id"] == name
    for which in ("", "/versions/3", f"/labels/{quoted('stable & old')}"):
        answer = ask(app, "POST", f"{path}{which}:predict", json={"instances": [1, 2.5]})
        assert answer.json() == {"predictions": [2.0, 5.0]}


def quoted(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


def test_versions_and_signatures_that_are_none():
    app, path = app_of(), "/v1/models/letters"
    answer = ask(app, "GET", f"{path}/versions/30000000000000000000/metadata")
    assert answer.status_code == 400
    assert "to numeric" in answer.json()["error"]
    for name in (None, False, 0, ["serving_default"]):
        body = {"signature_name": name, "instances": [1]}
        answer = ask(app, "POST", f"{path}:predict", json=body)
        assert answer.status_code == 400
        assert "`signature_name` must be a text" in answer.json()["error"]
    body = {"signature_name": "", "instances": [1]}
    assert ask(app, "POST", f"{path}:predict", json=body).json() == {"predictions": [2.0]}


@pytest.mark.parametrize(("written", "read"), [("Infinity", np.inf), ("-1.7e38", -1.7e38)])
def test_numbers_that_are_too_large_are_not_infinite(written, read):
    path, content = "/v1/models/letters:predict", f'{{"instances": [1, {written}]}}'
    answer = json.loads(ask(app_of(), "POST", path, content=content).text)
    np.testing.assert_array_equal(answer["predictions"][1], np.float32(2) * np.float32(read))
    for large in ("3.5e38", "-1e39", str(10**39), str(10**400)):
        content = f'{{"instances": [1, {large}]}}'
        answer = ask(app_of(), "POST", path, content=content)
        assert answer.status_code == 400
        assert "beyond DT_FLOAT" in answer.json()["error"]


def test_a_fault_of_the_server_is_counted_as_one(caplog):
    metrics = Metrics("letters")
    body = {"instances": [13]}
    answer = ask(app_of(metrics=metrics), "POST", "/v1/models/letters:predict", json=body)
    assert (answer.status_code, answer.json()) == (500, {"error": "KeyError('bad luck')"})
    assert 'status="INTERNAL"} 1\n' in metrics.text(0)


def test_what_waits_for_another_server_is_bounded():
    async def go(address):
        upstream = Upstream(address, "letters", Limits(max_queue=2, timeout=0.3))

        async def open_one():
            async with upstream.open():
                pass

        answers = await asyncio.gather(*(open_one() for _ in range(3)), return_exceptions=True)
        await upstream.close()
        return sorted(answer.code for answer in answers)

    # It takes connections, and answers nothing.
    with socket.create_server(("127.0.0.1", 0)) as server:
        codes = asyncio.run(go(f"127.0.0.1:{server.getsockname()[1]}"))
    assert codes == ["DEADLINE_EXCEEDED"] * 2 + ["RESOURCE_EXHAUSTED"]


def given_up(app, path):
    """What a client of an application is sent that is told to end in the middle of its answer."""
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode()}
    scope |= {"headers": [(b"host", b"localhost")], "query_string": b""}
    messages = []

    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        messages.append(message)

    async def go():
        task = asyncio.create_task(app(scope, receive, send))
        await asyncio.sleep(0.05)
        task.cancel()
        await task

    asyncio.run(go())
    start, *bodies = messages
    assert not bodies[-1].get("more_body")
    return start["status"], b"".join(body["body"] for body in bodies).decode()


def test_the_end_of_the_server_is_told():
    """To those that it has no time left for, whether their answer has begun or not."""

    async def waits(request):
        await asyncio.Event().wait()

    async def events():
        try:
            yield "data: second\n\n"
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def streams(request):
        return EventStream("data: first\n\n", events(), 5.0, "data: the end\n\n")

    closed = []
    app = make_app(waits, {"/v1/completions": streams}, waits, Access())
    assert given_up(app, "/v1/models/letters:predict") == (503, '{"error": "The server ends."}')
    text = "".join(f"data: {name}\n\n" for name in ("first", "second", "the end"))
    assert given_up(app, "/v1/completions") == (200, text)
    assert closed == [True]
