"""gRPC's messages against those of TensorFlow, and a server with TLS and tokens."""

import concurrent.futures
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfseq.serving import Client, ServingError
from tfseq.serving.wire.messages import Tensor
from tfseq.serving.wire.signature import DTYPES, TensorInfo
from tfseq.serving.wire.tensor_messages import from_message, to_message

from .small_server import make_certificates, small_server

grpc = pytest.importorskip("grpc", reason="grpcio is not installed (extra `serving`)")
apis = pytest.importorskip(
    "tensorflow_serving.apis.prediction_service_pb2_grpc",
    reason="tensorflow-serving-api is not installed (extra `serving`)",
)

NUMBERS = [0, 1, 2.5, -1, 100, 1, 0, 1]


def array_of(kind):
    if kind == "DT_STRING":
        return np.array([[b"", b"a\0"], ["é".encode(), b"\xff"]], object)
    dtype = DTYPES[kind][1]
    values = np.abs(NUMBERS) if dtype.startswith("uint") else np.array(NUMBERS)
    values = values + 1j if dtype.startswith("complex") else values
    return values.astype(dtype).reshape(2, 2, 2)


@pytest.mark.parametrize("kind", DTYPES)
def test_arrays_are_those_of_tensorflow(kind):
    """There and back; numbers one by one, as a server writes them, and shortened, too."""
    array = array_of(kind)
    number = DTYPES[kind][0]
    dtype = tf.dtypes.as_dtype(number)
    sent = to_message(array, TensorInfo(kind, None))
    theirs = tf.make_ndarray(_theirs(sent))
    assert theirs.dtype == dtype.as_numpy_dtype
    np.testing.assert_array_equal(theirs.astype(array.dtype), array)
    single, last = (np.asarray(array.ravel()[place], array.dtype) for place in (0, -1))
    for values in (array, array[:0], single, np.full([2, 3], last)):
        packed = tf.make_tensor_proto(np.asarray(values, dtype.as_numpy_dtype), dtype)
        one_by_one = _one_by_one(values, number)
        for message in (packed, one_by_one):
            found = from_message(Tensor.FromString(message.SerializeToString()))
            np.testing.assert_array_equal(found, values, strict=True)
            assert found.flags.writeable


def _theirs(message):
    from tensorflow.core.framework import tensor_pb2

    return tensor_pb2.TensorProto.FromString(message.SerializeToString())


def _one_by_one(values, number):
    """As the server does: `Tensor::AsProtoField`, where equal values at the end are left out."""
    proto = tf.make_tensor_proto(np.zeros([], "int32"))
    proto.Clear()
    proto.dtype = number
    for size in values.shape:
        proto.tensor_shape.dim.add(size=size)
    flat = list(values.ravel())
    while len(flat) > 1 and flat[-1] == flat[-2]:
        flat.pop()
    for value in flat:
        if number == 7:
            proto.string_val.append(value)
        elif number in (14, 19):
            half = np.asarray(value, tf.dtypes.as_dtype(number).as_numpy_dtype)
            proto.half_val.append(int(half.view("uint16")))
        elif number in (8, 18):
            field = proto.scomplex_val if number == 8 else proto.dcomplex_val
            field.extend([value.real, value.imag])
        else:
            names = {1: "float", 2: "double", 9: "int64", 10: "bool", 22: "uint32", 23: "uint64"}
            getattr(proto, f"{names.get(number, 'int')}_val").append(value.item())
    return proto


def test_bfloat16_is_rounded_as_tensorflow_rounds():
    values = np.float32([1.00390625, 1.01171875, 1 / 3, -1e30, np.inf, np.nan, 3.4e38])
    sent = to_message(values, TensorInfo("DT_BFLOAT16", None))
    expected = tf.cast(values, tf.bfloat16).numpy().astype("float32")
    np.testing.assert_array_equal(from_message(sent), expected)
    np.testing.assert_array_equal(tf.make_ndarray(_theirs(sent)).astype("float32"), expected)


@pytest.fixture
def certificates(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make certificates")
    make_certificates(tmp_path)
    return {path.name: path.read_bytes() for path in tmp_path.iterdir()}, tmp_path


class Doubling(apis.PredictionServiceServicer):
    """One signature, x -> 2x, of versions 1, 2, …; keeps what requests say of themselves."""

    def __init__(self):
        self.version, self.asked, self.dtype, self.seen = 1, 0, tf.float32, []

    def GetModelMetadata(self, request, context):  # noqa: N802
        from tensorflow_serving.apis import get_model_metadata_pb2

        self.asked += 1
        signatures = get_model_metadata_pb2.SignatureDefMap()
        signature = signatures.signature_def["double"]
        for tensor in (signature.inputs["x"], signature.outputs["y"]):
            tensor.dtype = self.dtype.as_datatype_enum
            tensor.tensor_shape.dim.add(size=-1)
        signature.inputs["times"].CopyFrom(signature.inputs["x"])
        signature.defaults["times"].CopyFrom(tf.make_tensor_proto([1.0]))
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.metadata["signature_def"].Pack(signatures)
        return response

    def Predict(self, request, context):  # noqa: N802
        from tensorflow_serving.apis import predict_pb2

        self.seen.append(dict(context.invocation_metadata()))
        x = tf.make_ndarray(request.inputs["x"])
        if x.dtype != self.dtype.as_numpy_dtype:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"x must be {self.dtype.name}")
        response = predict_pb2.PredictResponse(model_spec=request.model_spec)
        response.model_spec.version.value = self.version
        times = tf.make_ndarray(request.inputs["times"]) if "times" in request.inputs else 1
        response.outputs["y"].CopyFrom(tf.make_tensor_proto(2 * x * times))
        return response


@pytest.fixture
def doubling():
    """A servicer, and `start(credentials)`, which gives its server's address."""
    servicer, servers = Doubling(), []

    def start(credentials=None):
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        apis.add_PredictionServiceServicer_to_server(servicer, server)
        port = (
            server.add_insecure_port("127.0.0.1:0")
            if credentials is None
            else server.add_secure_port("127.0.0.1:0", credentials)
        )
        server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield servicer, start
    for server in servers:
        server.stop(None)


def test_tls_headers_and_tokens(doubling, certificates):
    servicer, start = doubling
    files, directory = certificates
    pair = [(files["server.key"], files["server.pem"])]
    one_way = start(grpc.ssl_server_credentials(pair))
    both_ways = start(grpc.ssl_server_credentials(pair, files["ca.pem"], True))
    ours = {"ca_file": directory / "ca.pem", "timeout": 20, "max_retries": 0}
    known = {
        "client_certificate": directory / "client.pem",
        "client_key": directory / "client.key",
    }
    said = {"headers": {"X-Team": "a b"}, "token": "word"}
    for address, options in ((one_way, said), (both_ways, known)):
        with Client(f"https://{address}", "m", **ours, **options) as client:
            assert client.predict("double", x=[1, 2.5])["y"].tolist() == [2, 5]
    assert servicer.seen[0]["x-team"] == "a b"
    assert servicer.seen[0]["authorization"] == "Bearer word"
    with Client(f"https://{one_way}", "m", timeout=20, max_retries=2, retry_wait=60) as client:
        with pytest.raises(ServingError, match="`ca_file`") as error:
            client.signatures()
        assert error.value.code == "UNAUTHENTICATED"


def test_an_input_that_the_server_has_a_value_for_may_be_left_out(doubling):
    _, start = doubling
    with Client(start(), "m", timeout=20) as client:
        assert client.predict("double", x=[1.5], times=3)["y"].tolist() == [9]
        assert client.predict("double", x=[1.5])["y"].tolist() == [3]
        with pytest.raises(ServingError, match=r"takes the inputs times, x. Received: times"):
            client.predict("double", times=3)


def test_a_port_of_rest_says_so():
    with small_server() as server:
        for scheme, told in (("", "Is it the port of REST"), ("https://", "does not speak TLS")):
            with Client(scheme + server.address, "m", timeout=20, retry_wait=60) as client:
                with pytest.raises(ServingError, match=told) as error:
                    client.signatures()
                assert error.value.code == "INTERNAL"


def test_metadata_are_asked_for_once_for_each_version(doubling):
    servicer, start = doubling
    with Client(start(), "m", timeout=20) as client:
        for _ in range(3):
            assert client.predict("double", x=[1.5])["y"].tolist() == [3]
        assert servicer.asked == 1
        servicer.version = 2
        for _ in range(3):
            client.predict("double", x=[1.5])
        assert servicer.asked == 2
        # A version of other types refuses what fitted the last; it is asked, and sent its own.
        servicer.version, servicer.dtype = 3, tf.int64
        assert client.predict("double", x=[2**53 + 1])["y"].tolist() == [2**54 + 2]
        with pytest.raises(ServingError, match="must fit in int64"):
            client.predict("double", x=[1.5])


def test_grpc_needs_no_tensorflow(doubling):
    _, start = doubling
    code = f"""
import sys
for name in ("tensorflow", "keras", "tensorflow_serving"):
    sys.modules[name] = None  # Importing it raises ImportError.
from tfseq.serving import Client
with Client({start()!r}, "m", timeout=60) as client:
    print(client.predict("double", x=[1, 2.5])["y"])
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[2. 5.]\n"
