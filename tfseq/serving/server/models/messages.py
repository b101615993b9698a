"""The few protocol messages of a SavedModel and its warm-up file that a server reads.

They are built here with the field numbers of TensorFlow and TensorFlow Serving, so that the server
does without TensorFlow's Python package. What they are not told of, the graph above all, they pass
over.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# Message -> name, number and type of each field; a star is for `repeated`. A map is written as
# entries of a key and a value.
_MESSAGES = {
    "Dim": "size 1 int64, name 2 string",
    "Shape": "dim 2 Dim*, unknown_rank 3 bool",
    "TensorInfo": "name 1 string, dtype 2 int32, tensor_shape 3 Shape",
    "TensorInfoEntry": "key 1 string, value 2 TensorInfo",
    "Signature": "inputs 1 TensorInfoEntry*, outputs 2 TensorInfoEntry*, method_name 3 string",
    "SignatureEntry": "key 1 string, value 2 Signature",
    "MetaGraph": "signature_def 5 SignatureEntry*",
    "SavedModel": "meta_graphs 2 MetaGraph*",
    "Tensor": "dtype 1 int32, tensor_shape 2 Shape, tensor_content 4 bytes, float_val 5 float*,"
    " double_val 6 double*, int_val 7 int32*, string_val 8 bytes*, int64_val 10 int64*,"
    " bool_val 11 bool*",
    "TensorEntry": "key 1 string, value 2 Tensor",
    "ModelSpec": "signature_name 3 string",
    "PredictRequest": "model_spec 1 ModelSpec, inputs 2 TensorEntry*",
    "PredictLog": "request 1 PredictRequest",
    "PredictionLog": "predict_log 6 PredictLog",
}


def _add_field(message: descriptor_pb2.DescriptorProto, text: str) -> None:
    name, number, kind = text.split()
    field = message.field.add(name=name, number=int(number))
    field.label = field.LABEL_REPEATED if kind.endswith("*") else field.LABEL_OPTIONAL
    kind = kind.rstrip("*")
    if kind in _MESSAGES:
        field.type_name = f".tfseq.server.{kind}"
    else:
        field.type = getattr(field, f"TYPE_{kind.upper()}")


def _classes() -> dict[str, type]:
    file = descriptor_pb2.FileDescriptorProto(
        name="tfseq/server.proto", package="tfseq.server", syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in fields.split(","):
            _add_field(message, field)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tfseq.server.{name}"))
        for name in ("SavedModel", "PredictionLog")
    }


SavedModel, PredictionLog = _classes().values()
