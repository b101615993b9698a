"""Connections: kept, shared, ended by the server, through TLS and proxies, and what fails."""

import asyncio
import concurrent.futures
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import tfseq
from tfseq.serving import AsyncClient, Client, ServingError

from .small_server import make_certificates, small_server


def client_of(server, scheme="", **options):
    address = f"{scheme}{server.address}"
    return Client(address, "m", **{"protocol": "rest", "max_retries": 0, "timeout": 20, **options})


@pytest.fixture
def server():
    with small_server() as server:
        yield server


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make certificates")
    directory = tmp_path_factory.mktemp("certificates")
    make_certificates(directory)
    return directory


def server_tls(certificates, of_client=False):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    if of_client:
        context.load_verify_locations(certificates / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def twice(client, *numbers):
    return client.predict("double", x=list(numbers))["y"].tolist()


def test_many_requests_have_one_connection_and_one_look_at_the_metadata(server):
    with client_of(server) as client:
        assert [twice(client, n, 0.5) for n in range(9)] == [[2 * n, 1] for n in range(9)]
    assert server.connections == 1
    assert [path for path, *_ in server.seen] == [
        "/v1/models/m/metadata",
        *["/v1/models/m:predict"] * 9,
    ]


def test_a_connection_that_the_server_has_ended_is_replaced_at_once(server):
    server.hang_up = True
    with client_of(server) as client:
        assert [twice(client, n) for n in range(4)] == [[0], [2], [4], [6]]
    assert server.connections == 5
    assert len(server.seen) == 5


def test_threads_share_a_client(server):
    with client_of(server) as client, concurrent.futures.ThreadPoolExecutor(6) as threads:
        assert list(threads.map(lambda n: twice(client, n)[0], range(90))) == list(range(0, 180, 2))
    assert server.connections <= 7


def test_a_forked_process_makes_connections_of_its_own(server, monkeypatch):
    with client_of(server) as client:
        twice(client, 1)
        parent = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: parent + 1)
        assert twice(client, 2) == [4]
    assert server.connections == 2


def test_an_async_client_awaits_many(server):
    async def work():
        client = AsyncClient(server.address, "m", protocol="rest", max_requests=5)
        async with client:
            assert (await client.signatures())["double"].inputs["x"].kind == "DT_FLOAT"
            answers = await asyncio.gather(*(client.predict("double", x=n) for n in range(40)))
            with pytest.raises(ServingError, match="the model's: double"):
                await client.score("a")
        return [answer["y"].tolist() for answer in answers]

    assert asyncio.run(work()) == [[2 * n] for n in range(40)]
    assert server.connections <= 5
    with pytest.raises(AttributeError, match="no attribute 'scores'"):
        AsyncClient(server.address, "m", protocol="rest").scores  # noqa: B018
    with pytest.raises(ValueError, match="`max_requests` must be positive"):
        AsyncClient(server.address, "m", protocol="rest", max_requests=0)


def test_headers_tokens_and_a_path_are_sent(server):
    tokens = iter(["first", "second"])
    options = {"headers": {"X-Team": "a b"}, "token": lambda: next(tokens)}
    address = f"http://{server.address}/behind/proxy/"
    with Client(address, "a/b", protocol="rest", max_retries=0, **options) as client:
        assert twice(client, 1) == [2]
    assert [path for path, *_ in server.seen] == [
        "/behind/proxy/v1/models/a%2Fb/metadata",
        "/behind/proxy/v1/models/a%2Fb:predict",
    ]
    assert [headers["Authorization"] for _, headers, _ in server.seen] == [
        "Bearer first",
        "Bearer second",
    ]
    assert {headers["X-Team"] for _, headers, _ in server.seen} == {"a b"}


def test_headers_that_are_none_are_not_sent_and_not_shown(server):
    for options in ({"headers": {"a\n": "b"}}, {"headers": {"a": "secret\r\nb: c"}}):
        with pytest.raises(tfseq.InputError, match="`headers`") as error:
            client_of(server, **options)
        assert "secret" not in str(error.value)
    with (
        client_of(server, token="secret\n") as client,
        pytest.raises(tfseq.InputError, match="`token` must be one line") as error,
    ):
        client.signatures()
    assert "secret" not in str(error.value)
    assert server.seen == []


@pytest.mark.parametrize("of_client", [False, True])
def test_tls_with_a_certificate_of_ones_own(certificates, of_client):
    ours = {"ca_file": certificates / "ca.pem"}
    known = {
        "client_certificate": certificates / "client.pem",
        "client_key": certificates / "client.key",
    }
    with small_server(server_tls(certificates, of_client)) as server:
        given = ours | known if of_client else ours
        with client_of(server, "https://", **given) as client:
            assert [twice(client, n) for n in range(3)] == [[0], [2], [4]]
        assert server.connections == 1
        with client_of(server, "https://", max_retries=3, retry_wait=60) as client:
            with pytest.raises(ServingError, match=r"not trusted.*`ca_file`") as error:
                client.signatures()
            assert error.value.code == "UNAUTHENTICATED"
        if of_client:
            with client_of(server, "https://", **ours) as client, pytest.raises(ServingError):
                client.signatures()
        with client_of(server) as client, pytest.raises(ServingError, match=server.address):
            client.signatures()


def test_tls_settings_that_do_not_fit(certificates, tmp_path):
    for address, options, message in (
        ("localhost:1", {"ca_file": "a"}, "`ca_file`: `address` must begin with https://"),
        ("https://localhost", {"client_key": "a"}, "must be given together"),
        ("https://localhost", {"ca_file": tmp_path / "none.pem"}, "No certificates can be read"),
        ("localhost:1/path", {}, "`address` must be HOST:PORT"),
        ("https://user:word@localhost", {}, "`address` must be HOST:PORT"),
    ):
        with pytest.raises(tfseq.InputError, match=message):
            Client(address, "m", protocol="rest", **options)
    with pytest.raises(tfseq.InputError, match="`address` must have no path with gRPC"):
        Client("http://localhost:1/path", "m")


def test_a_server_without_tls_says_so(server):
    with (
        client_of(server, "https://") as client,
        pytest.raises(ServingError, match="does not speak TLS"),
    ):
        client.signatures()


def test_a_port_of_another_protocol_says_so():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def settings_frame():
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"\0\0\6\4\0\0\0\0\0\0\5\0\0@\0")

        thread = threading.Thread(target=settings_frame, daemon=True)
        thread.start()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        with (
            Client(address, "m", protocol="rest", max_retries=0, timeout=5) as client,
            pytest.raises(ServingError, match="is it the port of gRPC"),
        ):
            client.signatures()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "code", "told"),
    [
        (404, {"error": "Servable not found"}, "NOT_FOUND", ": Servable not found$"),
        (401, {"error": {"message": "no key", "type": "x"}}, "UNAUTHENTICATED", ": no key$"),
        (422, {"detail": [1]}, "UNKNOWN", r": \[1\]$"),
        (502, b"<html>Bad Gateway</html>", "UNAVAILABLE", ": <html>Bad Gateway</html>$"),
        (503, b"", "UNAVAILABLE", ": HTTP 503 Service Unavailable$"),
        (307, b"", "UNKNOWN", ": HTTP 307 Temporary Redirect$"),
        (200, b"<html>Log in</html>", "INTERNAL", "gave no metadata, but '<html>Log in</html>'"),
        (200, {"models": []}, "INTERNAL", "gave no metadata"),
        (200, b"[" * 100_000, "INTERNAL", "gave no metadata"),
        (200, {"metadata": {"signature_def": {"signature_def": [1]}}}, "INTERNAL", "describes no"),
    ],
)
def test_answers_that_are_errors(server, status, body, code, told):
    server.answer = lambda handler, path: handler.reply(status, body) is None
    with client_of(server) as client, pytest.raises(ServingError, match=told) as error:
        client.signatures()
    assert error.value.code == code


def test_an_answer_that_drips_is_too_late(server):
    def drip(handler, path):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b" ")
            time.sleep(0.05)

    server.answer = drip
    start = time.monotonic()
    with client_of(server, timeout=0.3) as client, pytest.raises(ServingError, match="DEADLINE"):
        client.signatures()
    assert time.monotonic() - start < 1.9


def test_half_an_answer_is_none(server):
    def half(handler, path):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"{")
        handler.close_connection = True
        return True

    server.answer = half
    with client_of(server) as client, pytest.raises(ServingError, match="UNAVAILABLE"):
        client.signatures()


def test_a_proxy_of_the_environment(server, monkeypatch):
    """It is asked by the whole address, but for hosts that it is not for."""
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.address)
    with Client("tf-serving.invalid:8501", "m", protocol="rest", max_retries=0) as client:
        assert twice(client, 4) == [8]
    assert server.seen[0][0] == "http://tf-serving.invalid:8501/v1/models/m/metadata"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with client_of(server) as client:
        assert twice(client, 5) == [10]
    assert server.seen[-1][0] == "/v1/models/m:predict"
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    monkeypatch.delenv("no_proxy")
    with pytest.raises(tfseq.InputError, match="must be http://HOST:PORT"):
        client_of(server)


def test_rest_needs_neither_tensorflow_nor_keras_nor_grpc(server):
    code = f"""
import sys
for name in ("tensorflow", "keras", "grpc", "google.protobuf", "tensorflow_serving"):
    sys.modules[name] = None  # Importing it raises ImportError.
from tfseq.serving import Client
with Client({server.address!r}, "m", protocol="rest") as client:
    print(client.predict("double", x=[1, 2.5])["y"])
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[2. 5.]\n"


def test_an_answer_of_any_length_is_read_whole(server):
    with client_of(server) as client:
        x = np.arange(300_000, dtype="float32")
        np.testing.assert_array_equal(client.predict("double", x=x)["y"], 2 * x)
    assert server.connections == 1
