"""The few protocol messages of TensorFlow Serving and of SavedModels that are read and written.

They are built here with their field numbers, in a pool of their own: those of the packages
tensorflow and tensorflow-serving-api import TensorFlow. What they are not told of, a SavedModel's
graph above all, they pass over. The tests read them with those packages' messages.
"""

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto
from google.protobuf.descriptor_pb2 import FileDescriptorProto as File

# Message -> fields: number, name, type; `*` before a type means many, `{}` a map from names.
_MESSAGES = """
Version: 1 value int64
ModelSpec: 1 name string, 2 version Version, 3 signature_name string, 4 version_label string
Dim: 1 size int64, 2 name string
Shape: 2 dim *Dim, 3 unknown_rank bool
Tensor: 1 dtype int32, 2 tensor_shape Shape, 4 tensor_content bytes, 5 float_val *float,
    6 double_val *double, 7 int_val *int32, 8 string_val *bytes, 9 scomplex_val *float,
    10 int64_val *int64, 11 bool_val *bool, 12 dcomplex_val *double, 13 half_val *int32,
    16 uint32_val *uint32, 17 uint64_val *uint64
PredictRequest: 1 model_spec ModelSpec, 2 inputs {}Tensor
PredictResponse: 1 outputs {}Tensor, 2 model_spec ModelSpec
MetadataRequest: 1 model_spec ModelSpec, 2 metadata_field *string
Any: 1 type_url string, 2 value bytes
MetadataResponse: 1 model_spec ModelSpec, 2 metadata {}Any
TensorInfo: 1 name string, 2 dtype int32, 3 tensor_shape Shape
SignatureDef: 1 inputs {}TensorInfo, 2 outputs {}TensorInfo, 3 method_name string,
    4 defaults {}Tensor
SignatureDefMap: 1 signature_def {}SignatureDef
MetaGraph: 5 signature_def {}SignatureDef
SavedModel: 2 meta_graphs *MetaGraph
PredictLog: 1 request PredictRequest
PredictionLog: 6 predict_log PredictLog
"""


def _file() -> File:
    file = File(syntax="proto3", package="tfseq.wire", name="tfseq/wire.proto")
    for line in _MESSAGES.replace("\n    ", " ").strip().splitlines():
        name, _, fields = line.partition(": ")
        message = file.message_type.add(name=name)
        for number, field, kind in (text.split() for text in fields.split(", ")):
            _add_field(message, int(number), field, kind)
    return file


def _add_field(message: DescriptorProto, number: int, name: str, kind: str) -> None:
    many = kind[0] in "*{"
    if kind.startswith("{}"):
        entry = message.nested_type.add(name=name.title().replace("_", "") + "Entry")
        entry.options.map_entry = True
        _add_field(entry, 1, "key", "string")
        _add_field(entry, 2, "value", kind[2:])
        kind = f"{message.name}.{entry.name}"
    kind = kind.lstrip("*")
    field = message.field.add(name=name, number=number)
    field.label = FieldDescriptorProto.LABEL_REPEATED if many else field.LABEL_OPTIONAL
    if kind[0].isupper():
        field.type, field.type_name = field.TYPE_MESSAGE, f".tfseq.wire.{kind}"
    else:
        field.type = getattr(field, f"TYPE_{kind.upper()}")


_pool = descriptor_pool.DescriptorPool()
_pool.AddSerializedFile(_file().SerializeToString())


def _class(name: str) -> type:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"tfseq.wire.{name}"))


ModelSpec = _class("ModelSpec")
Tensor = _class("Tensor")
PredictRequest = _class("PredictRequest")
PredictResponse = _class("PredictResponse")
MetadataRequest = _class("MetadataRequest")
MetadataResponse = _class("MetadataResponse")
SignatureDefMap = _class("SignatureDefMap")
SavedModel = _class("SavedModel")
#: One request that a server replays as it loads a model.
PredictionLog = _class("PredictionLog")
