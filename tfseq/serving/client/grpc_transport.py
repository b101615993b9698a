"""Requests to TensorFlow Serving by gRPC."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfseq.errors import InputError
from tfseq.serving.client.transport import Endpoint, ServingError
from tfseq.serving.wire.signature import Signature, signatures_of_messages

# A server's answer to a large batch is larger than gRPC's usual 4 MiB.
_MAX_MESSAGE_BYTES = 64 * 2**20
# What gRPC calls UNAVAILABLE, and will not pass: a sign of it, its code, and what it means.
_LASTING = (
    (
        "CERTIFICATE_VERIFY_FAILED",
        "UNAUTHENTICATED",
        "`ca_file` names the certificates that are trusted.",
    ),
    ("Failed parsing HTTP/2", "INTERNAL", "Is it the port of REST, or of TLS?"),
    ("WRONG_VERSION_NUMBER", "INTERNAL", "The server does not speak TLS."),
)
_SERVICE = "/tensorflow.serving.PredictionService/"


class GrpcTransport:
    """One channel to `PredictionService`, which threads share; needs grpcio and protobuf."""

    def __init__(self, endpoint: Endpoint, name: str, version: int | None, label: str | None):
        try:
            import grpc

            from tfseq.serving.wire import messages, tensor_messages
        except ImportError as error:
            raise InputError(
                "`protocol` 'grpc' needs grpcio and protobuf: "
                'pip install "tfseq[serving]". REST needs neither.'
            ) from error
        self._grpc, self._messages, self._tensors = grpc, messages, tensor_messages
        self._endpoint = endpoint
        self._channel = _channel(grpc, endpoint)
        self._predict = self._method("Predict", messages.PredictResponse)
        self._metadata = self._method("GetModelMetadata", messages.MetadataResponse)
        self._model = messages.ModelSpec(name=name, version_label=label)
        if version is not None:
            self._model.version.value = version
        self._answered: int | None = None

    def predict(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        signatures: Mapping[str, Signature],
        timeout: float,
    ) -> tuple[dict[str, np.ndarray], Mapping[str, Signature]]:
        """One request; strings come and go as arrays of `bytes`.

        Returns:
            The outputs, and the signatures of the version that gave them, or none where that is
            another than last time.
        """
        request = self._messages.PredictRequest(model_spec=self._model)
        request.model_spec.signature_name = signature
        known = signatures[signature].inputs
        for key, value in inputs.items():
            request.inputs[key].CopyFrom(self._tensors.to_message(value, known[key]))
        answer = self._call(self._predict, request, timeout)
        try:
            outputs = {
                key: self._tensors.from_message(value) for key, value in answer.outputs.items()
            }
        except (ValueError, KeyError, TypeError) as error:
            raise ServingError(
                "INTERNAL", f"{self._endpoint.address}: {signature!r} cannot be read: {error}"
            ) from error
        version = answer.model_spec.version.value
        known_still = self._answered in (None, version)
        self._answered = version
        return outputs, signatures if known_still else {}

    def signatures(self, timeout: float) -> dict[str, Signature]:
        """The model's signatures, as its metadata describe them."""
        request = self._messages.MetadataRequest(
            model_spec=self._model, metadata_field=["signature_def"]
        )
        answer = self._call(self._metadata, request, timeout)
        described = self._messages.SignatureDefMap.FromString(
            answer.metadata["signature_def"].value
        )
        return signatures_of_messages(described.signature_def)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _method(self, name: str, answer: Any):
        return self._channel.unary_unary(
            _SERVICE + name,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )

    def _call(self, method, request, timeout: float):
        headers = self._endpoint.sent_headers()
        metadata = [(name.lower(), value) for name, value in headers.items()]
        try:
            return method(request, timeout=timeout, metadata=metadata)
        except self._grpc.RpcError as error:
            code, details = error.code().name, error.details() or ""
            for sign, meant, advice in _LASTING if code == "UNAVAILABLE" else ():
                if sign in details:
                    code, details = meant, f"{details}. {advice}"
            raise ServingError(code, details) from error


def _channel(grpc, endpoint: Endpoint):
    options = [
        ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
        # Otherwise the channel refuses calls for seconds after a server has come back.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
    ]
    if not endpoint.secure:
        return grpc.insecure_channel(endpoint.address, options=options)
    authorities, key, certificate = (
        _read(path) for path in (endpoint.ca_file, endpoint.client_key, endpoint.client_certificate)
    )
    trusted = grpc.ssl_channel_credentials(authorities, key, certificate)
    return grpc.secure_channel(endpoint.address, trusted, options=options)


def _read(path: str | os.PathLike | None) -> bytes | None:
    try:
        return None if path is None else Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"No certificates can be read from {path}: {error}.") from error
