"""Loopback servers that answer as TensorFlow Serving does, a loader process doing the work."""

import base64
import concurrent.futures
import contextlib
import http.server
import json
import re
import threading
import types

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from tfseq.serving import Client
from tfseq.serving.loader.loader_process import LoaderError

_CODE_NAMES = {3: "INVALID_ARGUMENT", 5: "NOT_FOUND", 14: "UNAVAILABLE"}
_HTTP = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "FAILED_PRECONDITION": 412,
    "OUT_OF_RANGE": 416,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class RefusalError(Exception):
    """An answer that is an error."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class Backend:
    """One model under one name, with the failures that a test asks for.

    `failures` holds code names; each request takes the first, if there is one, as its answer.
    `requests` records (signature, version, label) of all.
    """

    def __init__(self, exported, name="language"):
        self.exported, self.name = exported, name
        self.failures, self.requests = [], []
        self._lock = threading.Lock()

    def check(self, name, signature, version, label):
        with self._lock:
            self.requests.append((signature, version, label))
        self.check_model(name, version, label)
        if signature not in self.exported.signatures:
            raise RefusalError("INVALID_ARGUMENT", f"Signature {signature!r} not found")

    def check_model(self, name, version, label):
        with self._lock:
            if self.failures:
                raise RefusalError(self.failures.pop(0), "as the test wants it")
        if name != self.name or version not in (None, 1) or label not in (None, "stable"):
            raise RefusalError("NOT_FOUND", f"Servable not found for request: {name}")

    def predict(self, signature, inputs):
        try:
            with self._lock:
                return self.exported.run(signature, **inputs)
        except LoaderError as error:
            raise RefusalError(_CODE_NAMES.get(error.code, "INTERNAL"), str(error)) from error


@contextlib.contextmanager
def client_of(protocol, signatures, run):
    """A client of a loopback server whose one model answers `run(signature, **inputs)`."""
    if protocol == "grpc":
        pytest.importorskip("tensorflow_serving.apis", reason="extra `serving` is not installed")
    backend = Backend(types.SimpleNamespace(signatures=signatures, run=run))
    server = {"grpc": GrpcServer, "rest": RestServer}[protocol](backend)
    with Client(server.address, backend.name, protocol=protocol) as client:
        yield client
    server.close()


class RestServer:
    """`/v1/models/NAME[/versions/N|/labels/L]:predict` in the columnar format, and metadata."""

    def __init__(self, backend: Backend):
        path = re.compile(
            r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+))?(/labels/(?P<label>[^/:]+))?"
            r"(?P<what>:predict|/metadata)"
        )

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                self.answer(lambda place: _rest_predict(backend, place, self.rfile.read(length)))

            def do_GET(self):
                self.answer(lambda place: _rest_metadata(backend, place))

            def answer(self, work):
                try:
                    status, body = 200, work(path.fullmatch(self.path))
                except RefusalError as refusal:
                    status, body = _HTTP[refusal.code], {"error": str(refusal)}
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def _rest_predict(backend, place, data):
    signature = json.loads(data).get("signature_name", "serving_default")
    version = place["version"] and int(place["version"])
    backend.check(place["name"], signature, version, place["label"])
    return rest_predict(backend, data)


def rest_predict(backend, data):
    """The body of the answer to the body of a request."""
    body = json.loads(data)
    signature = body.get("signature_name", "serving_default")
    known = backend.exported.signatures[signature]["inputs"]
    if set(body["inputs"]) != set(known):
        raise RefusalError("INVALID_ARGUMENT", f"inputs must be {sorted(known)}")
    inputs = {}
    for name, value in body["inputs"].items():
        rank, dtype = len(known[name]["shape"]), known[name]["dtype"]
        inputs[name] = _strings(value) if dtype == "string" else np.asarray(value, dtype)
        if inputs[name].ndim != rank:
            raise RefusalError("INVALID_ARGUMENT", f"{name} must have {rank} dimensions")
    outputs = backend.predict(signature, inputs)
    # The server writes strings as they are; what is not UTF-8 is its operator's trouble.
    outputs = {
        name: np.frompyfunc(bytes.decode, 1, 1)(value).tolist()
        if value.dtype == object and value.size
        else value.tolist()
        for name, value in outputs.items()
    }
    return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}


def _strings(value):
    if any(isinstance(item, list) for item in value):
        return np.asarray(value, object)
    items = np.empty(len(value), object)
    items[:] = [base64.b64decode(v["b64"]) if isinstance(v, dict) else v.encode() for v in value]
    return items


def _rest_metadata(backend, place):
    version = place["version"] and int(place["version"])
    backend.check_model(place["name"], version, place["label"])
    described = {
        name: {
            side: {
                key: {
                    "dtype": types_pb2.DataType.Name(tf.as_dtype(info["dtype"]).as_datatype_enum),
                    "tensor_shape": {
                        "dim": [
                            {"size": str(-1 if d is None else d), "name": ""} for d in info["shape"]
                        ],
                        "unknown_rank": False,
                    },
                    "name": f"{key}:0",
                }
                for key, info in tensors.items()
            }
            for side, tensors in signature.items()
        }
        for name, signature in backend.exported.signatures.items()
    }
    return {
        "model_spec": {"name": backend.name, "signature_name": "", "version": "1"},
        "metadata": {"signature_def": {"signature_def": described}},
    }


class GrpcServer:
    """`PredictionService` with `Predict` and `GetModelMetadata`."""

    def __init__(self, backend: Backend):
        import grpc
        import tensorflow as tf
        from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
        from tensorflow_serving.apis import (
            get_model_metadata_pb2,
            predict_pb2,
            prediction_service_pb2_grpc,
        )

        def model(spec):
            version = spec.version.value if spec.HasField("version") else None
            return version, spec.version_label or None

        def refusing(work):
            def method(self, request, context):
                try:
                    return work(request)
                except RefusalError as refusal:
                    context.abort(getattr(grpc.StatusCode, refusal.code), str(refusal))

            return method

        def predict(request):
            signature = request.model_spec.signature_name or "serving_default"
            backend.check(request.model_spec.name, signature, *model(request.model_spec))
            known = backend.exported.signatures[signature]["inputs"]
            if set(request.inputs) != set(known):
                raise RefusalError("INVALID_ARGUMENT", f"inputs must be {sorted(known)}")
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            for name, value in inputs.items():
                if known[name]["dtype"] != (
                    "string" if value.dtype == object else value.dtype.name
                ):
                    raise RefusalError("INVALID_ARGUMENT", f"{name} must be {known[name]['dtype']}")
            response = predict_pb2.PredictResponse(model_spec=request.model_spec)
            for name, value in backend.predict(signature, inputs).items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(value, shape=value.shape))
            return response

        def describe(message, info):
            dims = [TensorShapeProto.Dim(size=-1 if d is None else d) for d in info["shape"]]
            message.dtype = tf.as_dtype(info["dtype"]).as_datatype_enum
            message.tensor_shape.CopyFrom(TensorShapeProto(dim=dims))

        def metadata(request):
            backend.check_model(request.model_spec.name, *model(request.model_spec))
            signatures = get_model_metadata_pb2.SignatureDefMap()
            for name, signature in backend.exported.signatures.items():
                sides = signatures.signature_def[name]
                for key, info in signature["inputs"].items():
                    describe(sides.inputs[key], info)
                for key, info in signature["outputs"].items():
                    describe(sides.outputs[key], info)
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            response.metadata["signature_def"].Pack(signatures)
            return response

        servicer = type(
            "Servicer",
            (prediction_service_pb2_grpc.PredictionServiceServicer,),
            {"Predict": refusing(predict), "GetModelMetadata": refusing(metadata)},
        )
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            servicer(), self._server
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self):
        self._server.stop(None)
