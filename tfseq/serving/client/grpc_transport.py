"""Requests to TensorFlow Serving by gRPC."""

from collections.abc import Mapping

import numpy as np

from tfseq.errors import InputError
from tfseq.serving.client.transport import ServingError

# A server's answer to a large batch is larger than gRPC's usual 4 MiB.
_MAX_MESSAGE_BYTES = 64 * 2**20


class GrpcTransport:
    """One channel to `PredictionService`; needs the extra `serving`."""

    def __init__(self, address: str, name: str, version: int | None, label: str | None):
        try:
            import grpc
            from tensorflow_serving.apis import (
                get_model_metadata_pb2,
                model_pb2,
                predict_pb2,
                prediction_service_pb2_grpc,
            )
        except ImportError as error:
            raise InputError(
                "`protocol` 'grpc' needs grpcio and tensorflow-serving-api: "
                'pip install "tfseq[serving]". REST needs neither.'
            ) from error
        self._grpc = grpc
        self._messages = get_model_metadata_pb2
        self._request_type = predict_pb2.PredictRequest
        self._channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
                # Otherwise the channel refuses calls for seconds after a server has come back.
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 1000),
            ],
        )
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._model = model_pb2.ModelSpec(name=name, version_label=label)
        if version is not None:
            self._model.version.value = version

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], timeout: float
    ) -> dict[str, np.ndarray]:
        """One request; strings come and go as arrays of `bytes`."""
        import tensorflow as tf

        request = self._request_type(model_spec=self._model)
        request.model_spec.signature_name = signature
        for key, value in inputs.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
        answer = self._call(self._stub.Predict, request, timeout)
        return {key: tf.make_ndarray(value) for key, value in answer.outputs.items()}

    def input_shapes(self, signature: str, timeout: float) -> dict[str, list[int]]:
        """The shapes of a signature's inputs, -1 for any size."""
        request = self._messages.GetModelMetadataRequest(
            model_spec=self._model, metadata_field=["signature_def"]
        )
        answer = self._call(self._stub.GetModelMetadata, request, timeout)
        signatures = self._messages.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(signatures)
        return {
            name: [dim.size for dim in info.tensor_shape.dim]
            for name, info in signatures.signature_def[signature].inputs.items()
        }

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _call(self, method, request, timeout: float):
        try:
            return method(request, timeout=timeout)
        except self._grpc.RpcError as error:
            raise ServingError(error.code().name, error.details()) from error
