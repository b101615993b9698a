"""What a client does when the server does not answer, or answers with an error."""

import random
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

import tfseq
from tfseq.serving import Client, ServingError

from ..fake_server import Backend, GrpcServer, RestServer, client_of


@pytest.fixture(params=["grpc", "rest"])
def served(request, exported):
    """The backend of a loopback server, and how to make a client of it."""
    if request.param == "grpc":
        pytest.importorskip(
            "tensorflow_serving.apis",
            reason="tensorflow-serving-api is not installed (extra `serving`)",
        )
    backend = Backend(exported("gru", 2, "char"))
    server = {"grpc": GrpcServer, "rest": RestServer}[request.param](backend)

    def connect(name="language", **options):
        return Client(server.address, name, protocol=request.param, **options)

    yield backend, connect
    server.close()


@pytest.fixture
def waits(monkeypatch):
    """The waits that a client would have made."""
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    return waits


def test_unavailable_is_tried_again_with_growing_waits(served, waits):
    backend, connect = served
    with connect(retry_wait=0.5) as client:
        client.signatures()
        backend.failures[:] = ["UNAVAILABLE"] * 3
        assert client.score("abc")["num_tokens"].tolist() == [2]
    assert waits == [0.5, 1, 2]
    assert len(backend.requests) == 4


def test_bytes_that_are_not_utf8_arrive_as_they_were(served):
    """Also where Python read them from a command line."""
    _, connect = served
    with connect() as client:
        texts = client.generate([b"a\xff", "a\udcff", "a\ufffd"], 3, seed=1)["text"]
        assert texts[0].startswith("a\ufffd")
        assert texts[0] == texts[1] == texts[2]
        assert client.encode("a\udcff")["num_tokens"].tolist() == [2]


def test_a_stream_takes_a_request_a_token(served):
    """Twice the text takes no more than twice the requests, but for texts not seen before."""
    backend, connect = served
    counts = []
    with connect() as client:
        for number in (16, 32):
            backend.requests.clear()
            text = "".join(client.stream("ab", number, temperature=0.7, seed=5))
            assert text == client.generate("ab", number, temperature=0.7, seed=5)["completion"][0]
            names = [name for name, *_ in backend.requests]
            assert names.count("step") == 2 + number - 1
            counts.append(len(names))
    assert counts[1] <= counts[0] + 16 + 2
    assert counts[0] <= 2 + 16 + 8


def test_a_server_that_stays_unavailable_is_given_up(served, waits):
    backend, connect = served
    with connect(max_retries=2) as client:
        client.signatures()
        backend.failures[:] = ["UNAVAILABLE"] * 10
        with pytest.raises(ServingError, match="UNAVAILABLE") as error:
            client.score("abc")
    assert error.value.code == "UNAVAILABLE"
    assert len(waits) == 2
    assert len(backend.requests) == 3


@pytest.mark.parametrize(
    "code",
    [
        "INVALID_ARGUMENT",
        "UNAUTHENTICATED",
        "PERMISSION_DENIED",
        "NOT_FOUND",
        "DEADLINE_EXCEEDED",
        "ABORTED",
        "FAILED_PRECONDITION",
        "OUT_OF_RANGE",
        "RESOURCE_EXHAUSTED",
        "INTERNAL",
        "UNIMPLEMENTED",
    ],
)
def test_no_other_error_is_tried_again(served, waits, code):
    backend, connect = served
    with connect() as client:
        client.signatures()
        backend.failures[:] = [code]
        with pytest.raises(ServingError) as error:
            client.score("abc")
    assert error.value.code == code
    assert waits == []
    assert len(backend.requests) == 1


def test_versions_and_labels(served):
    backend, connect = served
    for options in ({"version": 1}, {"version_label": "stable"}, {}):
        with connect(**options) as client:
            client.encode("a")
    assert backend.requests == [
        ("encode", 1, None),
        ("encode", None, "stable"),
        ("encode", None, None),
    ]
    for options in ({"version": 2}, {"version_label": "canary"}, {"name": "other"}):
        with connect(**options) as client, pytest.raises(ServingError, match="NOT_FOUND"):
            client.encode("a")


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_nobody_listens(protocol, waits):
    if protocol == "grpc":
        pytest.importorskip("tensorflow_serving.apis", reason="extra `serving` is not installed")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    with (
        Client(address, "language", protocol=protocol, max_retries=1, timeout=5) as client,
        pytest.raises(ServingError, match="UNAVAILABLE"),
    ):
        client.encode("a")
    assert len(waits) == 1


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_a_server_that_is_silent(protocol):
    if protocol == "grpc":
        pytest.importorskip("tensorflow_serving.apis", reason="extra `serving` is not installed")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        start = time.monotonic()
        with (
            Client(address, "language", protocol=protocol, timeout=0.3, max_retries=0) as client,
            pytest.raises(ServingError, match="DEADLINE_EXCEEDED"),
        ):
            client.encode("a")
        assert time.monotonic() - start < 5


def test_arguments():
    for address in ("localhost", "localhost:", "localhost:99999", ":8501", "ftp://a:1"):
        with pytest.raises(tfseq.InputError, match="`address` must be HOST:PORT"):
            Client(address, "language", protocol="rest")
    for address in ("localhost:8501", "[::1]:8501", "tf-serving.example:1"):
        Client(address, "language", protocol="rest").close()
    with pytest.raises(ValueError, match="`protocol` must be 'grpc' or 'rest'"):
        Client("localhost:1", "language", protocol="http")
    with pytest.raises(ValueError, match="not both"):
        Client("localhost:1", "language", protocol="rest", version=1, version_label="stable")
    with pytest.raises(ValueError, match="`timeout` must be positive"):
        Client("localhost:1", "language", protocol="rest", timeout=0)


def test_numbers_that_no_request_can_hold(served):
    _, connect = served
    with connect() as client, pytest.raises(tfseq.InputError, match="Numbers must fit in int32"):
        client.generate("a", 9999999999)


def test_a_rest_client_loads_no_tensorflow():
    code = (
        "import sys; from tfseq.serving import Client; Client('localhost:1', 'm', protocol='rest');"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def signature(**outputs):
    """A signature with one input and these outputs, each a dtype and a shape."""
    described = {name: {"dtype": dtype, "shape": shape} for name, (dtype, shape) in outputs.items()}
    number = {"x": {"dtype": "float32", "shape": [None]}}
    return {"inputs": number, "outputs": described}


def test_rest_types_are_those_of_the_metadata_of_the_version_that_answers():
    """Whatever outputs are called; and a single output, which comes without its name."""
    answers = {
        "id": np.array([2**53 + 1, -(2**63)]),
        "text": np.array([[0.5, 1.0]], "float64"),
        "flag": np.array([True, False]),
        "small": np.array([1, 2], "uint8"),
        "none": np.zeros([0, 3], "float32"),
        "word_bytes": np.array([["é", "b"]], object),
    }
    shapes = {"text": [None, 2], "none": [None, 3], "word_bytes": [None, None]}
    dtypes = {name: "string" if a.dtype == object else a.dtype.name for name, a in answers.items()}
    many = signature(**{name: (dtypes[name], shapes.get(name, [None])) for name in answers})
    signatures = {"many": many, "one": signature(label=("int64", [None]))}

    def run(name, x):
        given = answers if name == "many" else {"label": x.astype("int64")}
        encoded = np.vectorize(str.encode, [object])
        return {k: encoded(v) if v.dtype == object else v for k, v in given.items()}

    with client_of("rest", signatures, run) as client:
        served = client.predict("many", x=[1.0])
        for name, value in answers.items():
            np.testing.assert_array_equal(served[name], value, strict=True)
        np.testing.assert_array_equal(client.predict("one", x=[3.0])["label"], np.array([3]))
        # A new version, while the client goes on.
        signatures["one"] = signature(score=("float64", [None]), label=("int64", [None]))
        answers_now = {"score": np.array([0.1]), "label": np.array([7])}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Backend, "predict", lambda *arguments: answers_now)
            served = client.predict("one", x=[3.0])
        np.testing.assert_array_equal(served["score"], np.array([0.1]), strict=True)
        np.testing.assert_array_equal(served["label"], np.array([7]), strict=True)


def test_rest_types_of_a_new_version_whose_outputs_have_the_same_names(monkeypatch):
    """Are asked for anew, once, and kept from then on."""
    changes = [
        (np.array([7], "int32"), np.array([0.5], "float32")),
        (np.array([7], "int32"), np.array([3.0], "float32")),
        (np.array([0.5], "float32"), np.array([7], "int32")),
        (np.array([7], "uint8"), np.array([300], "int32")),
        (np.array([7], "int32"), np.array([2**40], "int64")),
        (np.array([0.5], "float32"), np.array([0.1234567890123], "float64")),
        (np.array([0.5], "float32"), np.array([1e300, 1e-300], "float64")),
        (np.array([1], "int32"), np.array([True])),
        (np.array([True]), np.array([1], "int32")),
        (np.array([0.5], "float32"), np.array(["0.5"], object)),
        (np.array(["a"], object), np.array([0.5], "float32")),
    ]
    asked, answers, signatures = [], {}, {}
    check_model = Backend.check_model
    monkeypatch.setattr(Backend, "check_model", lambda *a: (asked.append(a), check_model(*a))[1])

    def serve(name, value):
        text = value.dtype == object
        signatures[name] = signature(value=("string" if text else value.dtype.name, [None]))
        answers[name] = {"value": np.vectorize(str.encode, [object])(value) if text else value}

    for number, (old, _) in enumerate(changes):
        serve(str(number), old)
    with client_of("rest", signatures, lambda name, x: answers[name]) as client:
        client.predict("0", x=[1.0])
        for number, change in enumerate(changes):
            for value, expected in zip(change, ([1, 1], [2, 1]), strict=True):
                serve(str(number), value)
                for requests in expected:
                    asked.clear()
                    found = client.predict(str(number), x=[1.0])["value"]
                    np.testing.assert_array_equal(found, value, strict=True)
                    assert len(asked) == requests, change


def test_rest_floats_as_short_as_they_can_be_written_are_of_their_type():
    """Their decimals are not those of the double beside them; no metadata are asked for."""
    signatures, asked = {"one": signature(value=("float32", [None]))}, []
    written = [0.1, 3.4028235e38, 1e-45, float("nan"), float("inf"), 0.0]
    with (
        client_of("rest", signatures, lambda name, x: {"value": np.array(written)}) as client,
        pytest.MonkeyPatch.context() as patch,
    ):
        client.predict("one", x=[1.0])
        patch.setattr(Backend, "check_model", lambda *a: asked.append(a))
        found = client.predict("one", x=[1.0])["value"]
        np.testing.assert_array_equal(found, np.array(written, "float32"), strict=True)
    assert len(asked) == 1


def test_an_answer_that_is_not_of_the_types_of_its_metadata():
    signatures = {"one": signature(count=("int32", [None]))}
    with client_of("rest", signatures, lambda name, x: {"count": np.array([0.5])}) as client:
        told = "its metadata and its answer to 'one' differ: `count` must be of type DT_INT32"
        with pytest.raises(ServingError, match=told):
            client.predict("one", x=[1.0])
    with client_of("rest", signatures, lambda name, x: {"count": np.array([3.0])}) as client:
        found = client.predict("one", x=[1.0])["count"]
        np.testing.assert_array_equal(found, np.array([3], "int32"), strict=True)
