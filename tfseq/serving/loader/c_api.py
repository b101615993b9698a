"""SavedModels loaded and run through TensorFlow's C API, without its Python package."""

import base64
import ctypes
import importlib.util
import os
import sys
import time
from pathlib import Path

import numpy as np

from .signature_reader import DTYPES, STRING, read_signatures

NUMBERS = {name: number for number, name in DTYPES.items()} | {"string": STRING}
TSTRING_BYTES = 24


class _Output(ctypes.Structure):
    _fields_ = (("operation", ctypes.c_void_p), ("index", ctypes.c_int))


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("deallocator", ctypes.c_void_p),
    )


class StatusError(Exception):
    """What the C API answered instead of a result."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


def _package(name: str) -> Path:
    return Path(importlib.util.find_spec(name).submodule_search_locations[0])


class CApi:
    """The dozen functions of the C API that a server's request needs."""

    def __init__(self):
        tensorflow = _package("tensorflow")
        ending = "2.dylib" if sys.platform == "darwin" else "so.2"
        framework, library = (
            ctypes.CDLL(str(tensorflow / f"lib{name}.{ending}"), os.RTLD_GLOBAL)
            for name in ("tensorflow_framework", "tensorflow_cc")
        )
        pointer, size, integer, text = (
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_char_p,
        )
        signatures = {
            "TF_NewStatus": (pointer, []),
            "TF_GetCode": (integer, [pointer]),
            "TF_Message": (text, [pointer]),
            "TF_DeleteStatus": (None, [pointer]),
            "TF_NewGraph": (pointer, []),
            "TF_NewSessionOptions": (pointer, []),
            "TF_NewBuffer": (ctypes.POINTER(_Buffer), []),
            "TF_LoadLibrary": (pointer, [text, pointer]),
            "TF_LoadSessionFromSavedModel": (
                pointer,
                [pointer] * 2 + [text, pointer, integer] + [pointer] * 3,
            ),
            "TF_GraphOperationByName": (pointer, [pointer, text]),
            "TF_SessionRun": (
                None,
                [
                    pointer,
                    pointer,
                    pointer,
                    pointer,
                    integer,
                    pointer,
                    pointer,
                    integer,
                    pointer,
                    integer,
                    pointer,
                    pointer,
                ],
            ),
            "TF_AllocateTensor": (pointer, [integer, pointer, integer, size]),
            "TF_DeleteTensor": (None, [pointer]),
            "TF_TensorData": (pointer, [pointer]),
            "TF_TensorType": (integer, [pointer]),
            "TF_NumDims": (integer, [pointer]),
            "TF_Dim": (ctypes.c_int64, [pointer, integer]),
            "TF_TensorByteSize": (size, [pointer]),
            "TF_StringInit": (None, [pointer]),
            "TF_StringCopy": (None, [pointer, text, size]),
            "TF_StringGetDataPointer": (pointer, [pointer]),
            "TF_StringGetSize": (size, [pointer]),
            "TF_StringDealloc": (None, [pointer]),
        }
        for name, (result, arguments) in signatures.items():
            function = getattr(library, name, None) or getattr(framework, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name[3:], function)
        library._ZN10tensorflow21DisableXlaCompilationEv()
        for path in sorted(_package("tensorflow_text").glob("python/*/*.so")):
            self.checked(self.LoadLibrary, os.fsencode(path))

    def checked(self, function, *arguments):
        """Call with a status as the last argument; raise what it reports."""
        status = self.NewStatus()
        try:
            result = function(*arguments, status)
            if self.GetCode(status):
                raise StatusError(
                    self.GetCode(status), self.Message(status).decode("utf-8", "replace")
                )
            return result
        finally:
            self.DeleteStatus(status)

    def to_tensor(self, value: dict) -> int:
        shape = value["shape"]
        dims = (ctypes.c_int64 * max(len(shape), 1))(*shape)
        if value["dtype"] != "string":
            array = np.asarray(value["values"], value["dtype"]).reshape(shape)
            number = NUMBERS[value["dtype"]]
            tensor = self.AllocateTensor(number, dims, len(shape), array.nbytes)
            if array.nbytes:
                ctypes.memmove(self.TensorData(tensor), array.tobytes(), array.nbytes)
            return tensor
        strings = [base64.b64decode(item) for item in value["values"]]
        tensor = self.AllocateTensor(STRING, dims, len(shape), TSTRING_BYTES * len(strings))
        for i, string in enumerate(strings):
            place = self.TensorData(tensor) + TSTRING_BYTES * i
            self.StringInit(place)
            self.StringCopy(place, string, len(string))
        return tensor

    def from_tensor(self, tensor: int) -> dict:
        number = self.TensorType(tensor)
        shape = [self.Dim(tensor, i) for i in range(self.NumDims(tensor))]
        count = int(np.prod(shape))
        if number == STRING:
            values = []
            for i in range(count):
                place = self.TensorData(tensor) + TSTRING_BYTES * i
                data = ctypes.string_at(self.StringGetDataPointer(place), self.StringGetSize(place))
                values.append(base64.b64encode(data).decode("ascii"))
            return {"dtype": "string", "shape": shape, "values": values}
        data = ctypes.string_at(self.TensorData(tensor), self.TensorByteSize(tensor))
        values = np.frombuffer(data, DTYPES[number], count).tolist()
        return {"dtype": DTYPES[number], "shape": shape, "values": values}

    def delete(self, tensor: int) -> None:
        if self.TensorType(tensor) == STRING:
            count = self.TensorByteSize(tensor) // TSTRING_BYTES
            for i in range(count):
                self.StringDealloc(self.TensorData(tensor) + TSTRING_BYTES * i)
        self.DeleteTensor(tensor)


class SavedModel:
    """One loaded SavedModel and its signatures."""

    def __init__(self, api: CApi, directory: str):
        self.api = api
        self.graph = api.NewGraph()
        buffer = api.NewBuffer()
        tags = (ctypes.c_char_p * 1)(b"serve")
        self.session = api.checked(
            api.LoadSessionFromSavedModel,
            api.NewSessionOptions(),
            None,
            os.fsencode(directory),
            tags,
            1,
            self.graph,
            buffer,
        )
        meta_graph = ctypes.string_at(buffer.contents.data, buffer.contents.length)
        self.signatures = read_signatures(meta_graph)

    def run(self, signature: str, inputs: dict, repeat: int = 1) -> tuple[dict, list[float]]:
        """Feed all inputs, fetch all outputs of one signature, `repeat` times.

        Returns:
            The outputs of the last run, and the seconds that each run took in the C API.
        """
        known = self.signatures[signature]
        api = self.api
        if set(inputs) != set(known["inputs"]):
            raise StatusError(3, f"inputs {sorted(inputs)} are not {sorted(known['inputs'])}")
        fed = [self._output(known["inputs"][name]["tensor"]) for name in inputs]
        names = list(known["outputs"])
        fetched = [self._output(known["outputs"][name]["tensor"]) for name in names]
        tensors = [api.to_tensor(value) for value in inputs.values()]
        results = (ctypes.c_void_p * len(names))()
        seconds = []
        try:
            for _ in range(repeat):
                for place, tensor in enumerate(results):
                    if tensor:
                        results[place] = None
                        api.delete(tensor)
                start = time.perf_counter()
                api.checked(
                    api.SessionRun,
                    self.session,
                    None,
                    (_Output * len(fed))(*fed),
                    (ctypes.c_void_p * len(fed))(*tensors),
                    len(fed),
                    (_Output * len(names))(*fetched),
                    results,
                    len(names),
                    None,
                    0,
                    None,
                )
                seconds.append(time.perf_counter() - start)
            outputs = {name: api.from_tensor(t) for name, t in zip(names, results, strict=True)}
            return outputs, seconds
        finally:
            for tensor in [*tensors, *filter(None, results)]:
                api.delete(tensor)

    def _output(self, name: str) -> _Output:
        operation, _, index = name.partition(":")
        return _Output(
            self.api.GraphOperationByName(self.graph, operation.encode()), int(index or 0)
        )
