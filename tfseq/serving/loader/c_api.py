"""SavedModels loaded and run through TensorFlow's C API, without its Python package."""

import ctypes
import importlib.util
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

STRING = 7
NUMBERS = {"float32": 1, "float64": 2, "int32": 3, "string": STRING, "int64": 9, "bool": 10}
DTYPES = {number: name for name, number in NUMBERS.items()}
TSTRING_BYTES = 24
# `timeout_in_ms` of the message RunOptions: field 2, a varint.
_TIMEOUT_FIELD = b"\x10"


class _Output(ctypes.Structure):
    _fields_ = (("operation", ctypes.c_void_p), ("index", ctypes.c_int))


# Function -> result and arguments: a pointer, text, an int, a size, a 64-bit number, nothing.
_TYPES = {
    "p": ctypes.c_void_p,
    "t": ctypes.c_char_p,
    "i": ctypes.c_int,
    "s": ctypes.c_size_t,
    "l": ctypes.c_int64,
    "-": None,
}
_FUNCTIONS = {
    "NewStatus": "p",
    "GetCode": "ip",
    "Message": "tp",
    "DeleteStatus": "-p",
    "NewGraph": "p",
    "NewSessionOptions": "p",
    "LoadLibrary": "ptp",
    "LoadSessionFromSavedModel": "ppptpippp",
    "GraphOperationByName": "ppt",
    "SessionRun": "-ppppippipipp",
    "NewBufferFromString": "pts",
    "DeleteBuffer": "-p",
    "AllocateTensor": "pipis",
    "DeleteTensor": "-p",
    "TensorData": "pp",
    "TensorType": "ip",
    "NumDims": "ip",
    "Dim": "lpi",
    "TensorByteSize": "sp",
    "StringInit": "-p",
    "StringCopy": "-pts",
    "StringGetDataPointer": "pp",
    "StringGetSize": "sp",
    "StringDealloc": "-p",
}


class StatusError(Exception):
    """What the C API answered instead of a result."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


def _varint(number: int) -> bytes:
    """A number as protocol buffers write it, seven bits a byte."""
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def _package(name: str) -> Path:
    return Path(importlib.util.find_spec(name).submodule_search_locations[0])


class CApi:
    """The dozen functions of the C API that a server's request needs, without their `TF_`."""

    def __init__(self):
        tensorflow = _package("tensorflow")
        ending = "2.dylib" if sys.platform == "darwin" else "so.2"
        framework, library = (
            ctypes.CDLL(str(tensorflow / f"lib{name}.{ending}"), os.RTLD_GLOBAL)
            for name in ("tensorflow_framework", "tensorflow_cc")
        )
        for name, types in _FUNCTIONS.items():
            function = getattr(library, f"TF_{name}", None) or getattr(framework, f"TF_{name}")
            function.restype, *function.argtypes = (_TYPES[letter] for letter in types)
            setattr(self, name, function)
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

    def to_tensor(self, array: np.ndarray) -> int:
        dims = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
        if array.dtype.kind not in "OSU":
            number = NUMBERS[array.dtype.name]
            tensor = self.AllocateTensor(number, dims, array.ndim, array.nbytes)
            if array.nbytes:
                ctypes.memmove(self.TensorData(tensor), array.tobytes(), array.nbytes)
            return tensor
        tensor = self.AllocateTensor(STRING, dims, array.ndim, TSTRING_BYTES * array.size)
        for i, string in enumerate(array.ravel().tolist()):
            string = string.encode() if isinstance(string, str) else string
            place = self.TensorData(tensor) + TSTRING_BYTES * i
            self.StringInit(place)
            self.StringCopy(place, string, len(string))
        return tensor

    def from_tensor(self, tensor: int) -> np.ndarray:
        number = self.TensorType(tensor)
        shape = [self.Dim(tensor, i) for i in range(self.NumDims(tensor))]
        if number != STRING:
            data = ctypes.string_at(self.TensorData(tensor), self.TensorByteSize(tensor))
            return np.frombuffer(data, DTYPES[number]).reshape(shape)
        strings = np.empty(int(np.prod(shape)), object)
        for i in range(len(strings)):
            place = self.TensorData(tensor) + TSTRING_BYTES * i
            strings[i] = ctypes.string_at(
                self.StringGetDataPointer(place), self.StringGetSize(place)
            )
        return strings.reshape(shape)

    def delete(self, tensor: int) -> None:
        if self.TensorType(tensor) == STRING:
            for i in range(self.TensorByteSize(tensor) // TSTRING_BYTES):
                self.StringDealloc(self.TensorData(tensor) + TSTRING_BYTES * i)
        self.DeleteTensor(tensor)


class SavedModel:
    """One loaded SavedModel: its graph, and a session in it."""

    def __init__(self, api: CApi, directory: str):
        self.api = api
        self.graph = api.NewGraph()
        tags = (ctypes.c_char_p * 1)(b"serve")
        place = (api.NewSessionOptions(), None, os.fsencode(directory))
        self.session = api.checked(
            api.LoadSessionFromSavedModel, *place, tags, len(tags), self.graph, None
        )

    def run(
        self,
        feeds: dict[str, np.ndarray],
        fetches: list[str],
        repeat: int = 1,
        timeout: float | None = None,
    ) -> tuple[list[np.ndarray], list[float]]:
        """Feed tensors of the graph and fetch others, by their names, `repeat` times.

        A run that takes more than `timeout` seconds is ended, and its code is 4.

        Returns:
            What the last run fetched, and the seconds that each run took in the C API.
        """
        api = self.api
        options = None
        if timeout is not None:
            encoded = _TIMEOUT_FIELD + _varint(max(1, round(1000 * timeout)))
            options = api.NewBufferFromString(encoded, len(encoded))
        tensors = [api.to_tensor(value) for value in feeds.values()]
        results = (ctypes.c_void_p * len(fetches))()
        ends = (
            *(self._ends(feeds), (ctypes.c_void_p * len(feeds))(*tensors), len(feeds)),
            *(self._ends(fetches), results, len(fetches)),
        )
        seconds = []
        try:
            for _ in range(repeat):
                for place, tensor in enumerate(results):
                    if tensor:
                        results[place] = None
                        api.delete(tensor)
                start = time.perf_counter()
                api.checked(api.SessionRun, self.session, options, *ends, None, 0, None)
                seconds.append(time.perf_counter() - start)
            return [api.from_tensor(tensor) for tensor in results], seconds
        finally:
            for tensor in [*tensors, *filter(None, results)]:
                api.delete(tensor)
            if options:
                api.DeleteBuffer(options)

    def _ends(self, tensors: Iterable[str]) -> ctypes.Array:
        """Where in the graph tensors come out of operations."""
        ends = []
        for tensor in tensors:
            operation, _, index = tensor.partition(":")
            place = self.api.GraphOperationByName(self.graph, operation.encode())
            ends.append(_Output(place, int(index or 0)))
        return (_Output * len(ends))(*ends)
