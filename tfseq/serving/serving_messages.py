"""The few messages of TensorFlow Serving that a warm-up file holds.

They are built here with the server's field numbers, so that an export can be written without the
package tensorflow-serving-api. What is written is read by that package's own messages in the tests.
"""

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from tensorflow.core.framework import tensor_pb2

_PACKAGE = "tfseq.serving_messages"
_STRING, _MESSAGE = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_MESSAGE
# Message -> field -> number and type: a string, a message of this file, or a map to tensors.
_MESSAGES = {
    "ModelSpec": {"name": (1, str), "signature_name": (3, str)},
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, dict)},
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
}


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="tfseq/serving_messages.proto", package=_PACKAGE)
    file.syntax = "proto3"
    file.dependency.append(tensor_pb2.DESCRIPTOR.name)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, (number, kind) in fields.items():
            field = message.field.add(
                name=field_name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL
            )
            if kind is str:
                field.type = _STRING
                continue
            field.type = _MESSAGE
            if kind is not dict:
                field.type_name = f".{_PACKAGE}.{kind}"
                continue
            entry = message.nested_type.add(name="InputsEntry")
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, type=_STRING, label=1)
            entry.field.add(
                name="value", number=2, type=_MESSAGE, type_name=".tensorflow.TensorProto", label=1
            )
            field.label = FieldDescriptorProto.LABEL_REPEATED
            field.type_name = f".{_PACKAGE}.{name}.InputsEntry"
    return file


_pool = descriptor_pool.Default()
_pool.Add(_file()) if hasattr(_pool, "Add") else _pool.AddSerializedFile(
    _file().SerializeToString()
)

#: One request that a server replays as it loads a model.
PredictionLog = message_factory.GetMessageClass(
    _pool.FindMessageTypeByName(f"{_PACKAGE}.PredictionLog")
)
