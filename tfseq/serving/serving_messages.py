"""The few messages of TensorFlow Serving that a warm-up file holds.

They are built here with the server's field numbers, so that an export can be written without the
package tensorflow-serving-api. What is written is read by that package's own messages in the tests.
"""

from google.protobuf import descriptor_pool, message_factory, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from tensorflow.core.framework import tensor_pb2

_FILE = """
syntax: "proto3" package: "tfseq.serving" name: "tfseq/serving_messages.proto"
message_type {
  name: "ModelSpec"
  field { number: 1 name: "name" type: TYPE_STRING label: LABEL_OPTIONAL }
  field { number: 3 name: "signature_name" type: TYPE_STRING label: LABEL_OPTIONAL }
}
message_type {
  name: "PredictRequest"
  field { number: 1 name: "model_spec" type_name: "ModelSpec" label: LABEL_OPTIONAL }
  field { number: 2 name: "inputs" type_name: "InputsEntry" label: LABEL_REPEATED }
  nested_type {
    name: "InputsEntry" options { map_entry: true }
    field { number: 1 name: "key" type: TYPE_STRING label: LABEL_OPTIONAL }
    field { number: 2 name: "value" type_name: ".tensorflow.TensorProto" label: LABEL_OPTIONAL }
  }
}
message_type {
  name: "PredictLog"
  field { number: 1 name: "request" type_name: "PredictRequest" label: LABEL_OPTIONAL }
}
message_type {
  name: "PredictionLog"
  field { number: 6 name: "predict_log" type_name: "PredictLog" label: LABEL_OPTIONAL }
}
"""
_file = text_format.Parse(_FILE, FileDescriptorProto(dependency=[tensor_pb2.DESCRIPTOR.name]))
_pool = descriptor_pool.Default()
_pool.AddSerializedFile(_file.SerializeToString())

#: One request that a server replays as it loads a model.
PredictionLog = message_factory.GetMessageClass(
    _pool.FindMessageTypeByName("tfseq.serving.PredictionLog")
)
