"""The few messages of TensorFlow Serving that a warm-up file holds.

They are built here with the server's field numbers, so that an export can be written without the
package tensorflow-serving-api. What is written is read by that package's own messages in the tests.
"""

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from tensorflow.core.framework import tensor_pb2

_PACKAGE = "tfseq.serving_messages"


def _message(name: str, *fields: tuple, **more) -> DescriptorProto:
    """A message of fields, each a name, a number, and the type of a message or "" for text."""
    return DescriptorProto(
        name=name,
        field=[
            FieldDescriptorProto(
                name=field,
                number=number,
                label="LABEL_REPEATED" if kind.endswith("Entry") else "LABEL_OPTIONAL",
                type="TYPE_MESSAGE" if kind else "TYPE_STRING",
                type_name=f".{kind}" if kind else None,
            )
            for field, number, kind in fields
        ],
        **more,
    )


_INPUTS = _message("InputsEntry", ("key", 1, ""), ("value", 2, "tensorflow.TensorProto"))
_INPUTS.options.map_entry = True
_FILE = FileDescriptorProto(
    name="tfseq/serving_messages.proto",
    package=_PACKAGE,
    syntax="proto3",
    dependency=[tensor_pb2.DESCRIPTOR.name],
    message_type=[
        _message("ModelSpec", ("name", 1, ""), ("signature_name", 3, "")),
        _message(
            "PredictRequest",
            ("model_spec", 1, f"{_PACKAGE}.ModelSpec"),
            ("inputs", 2, f"{_PACKAGE}.PredictRequest.InputsEntry"),
            nested_type=[_INPUTS],
        ),
        _message("PredictLog", ("request", 1, f"{_PACKAGE}.PredictRequest")),
        _message("PredictionLog", ("predict_log", 6, f"{_PACKAGE}.PredictLog")),
    ],
)
_pool = descriptor_pool.Default()
_pool.AddSerializedFile(_FILE.SerializeToString())

#: One request that a server replays as it loads a model.
PredictionLog = message_factory.GetMessageClass(
    _pool.FindMessageTypeByName(f"{_PACKAGE}.PredictionLog")
)
