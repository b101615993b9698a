"""What a model's signatures take and give, as its metadata say."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

#: TensorFlow's types: name in metadata, number, and type in NumPy, which has no bfloat16, all of
#: whose values float32 holds.
DTYPES = {
    "DT_FLOAT": (1, "float32"),
    "DT_DOUBLE": (2, "float64"),
    "DT_INT32": (3, "int32"),
    "DT_UINT8": (4, "uint8"),
    "DT_INT16": (5, "int16"),
    "DT_INT8": (6, "int8"),
    "DT_STRING": (7, "object"),
    "DT_COMPLEX64": (8, "complex64"),
    "DT_INT64": (9, "int64"),
    "DT_BOOL": (10, "bool"),
    "DT_BFLOAT16": (14, "float32"),
    "DT_UINT16": (17, "uint16"),
    "DT_COMPLEX128": (18, "complex128"),
    "DT_HALF": (19, "float16"),
    "DT_UINT32": (22, "uint32"),
    "DT_UINT64": (23, "uint64"),
}
_NAMES = {number: name for name, (number, _) in DTYPES.items()}


class TensorInfo(NamedTuple):
    """One input or output of a signature.

    Attributes:
        kind: its type's name in metadata, `DT_FLOAT` say.
        shape: sizes, -1 for any; None for any number of axes.
        tensor: its name in the graph, where it is known.
    """

    kind: str
    shape: tuple[int, ...] | None
    tensor: str = ""

    @classmethod
    def of_message(cls, info: Any) -> "TensorInfo":
        """From the message of this name."""
        shape = info.tensor_shape
        sizes = None if shape.unknown_rank else tuple(max(d.size, -1) for d in shape.dim)
        return cls(kind_of_number(info.dtype), sizes, info.name)

    @classmethod
    def of_json(cls, info: Mapping[str, Any]) -> "TensorInfo":
        """From metadata in JSON; raises ValueError, KeyError or TypeError where they are none."""
        shape = info.get("tensor_shape", {})
        sizes = tuple(max(int(dim.get("size", 0)), -1) for dim in shape.get("dim", []))
        return cls(
            info["dtype"], None if shape.get("unknown_rank") else sizes, info.get("name", "")
        )

    def as_json(self) -> dict[str, Any]:
        """As metadata have it in JSON."""
        dims = [{"size": str(size), "name": ""} for size in self.shape or ()]
        return {
            "dtype": self.kind,
            "tensor_shape": {"dim": dims, "unknown_rank": self.shape is None},
            "name": self.tensor,
        }

    @property
    def dtype(self) -> np.dtype:
        """The type in NumPy; texts are objects. Raises TypeError where it has none."""
        if self.kind not in DTYPES:
            raise TypeError(f"NumPy has no type for {self.kind}.")
        return np.dtype(DTYPES[self.kind][1])


class Signature(NamedTuple):
    """What a signature takes and gives, by name.

    Attributes:
        optional: inputs that the server has a value for. REST wants all the same.
        method_name: what the server is to do with it.
    """

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    optional: frozenset[str] = frozenset()
    method_name: str = ""

    @property
    def takes_batches(self) -> bool:
        """Whether rows of several requests may be put together."""
        infos = [*self.inputs.values(), *self.outputs.values()]
        return bool(self.inputs) and all(info.shape and info.shape[0] == -1 for info in infos)


def kind_of_number(number: int) -> str:
    """The name in metadata of a type's number."""
    return _NAMES.get(number, f"DT_{number}")


def signatures_of_messages(signatures: Mapping[str, Any]) -> dict[str, Signature]:
    """Name -> signature, from messages `SignatureDef`."""
    return {
        name: Signature(
            *(
                {key: TensorInfo.of_message(side[key]) for key in sorted(side)}
                for side in (signatures[name].inputs, signatures[name].outputs)
            ),
            frozenset(signatures[name].defaults),
            signatures[name].method_name,
        )
        for name in sorted(signatures)
        if not name.startswith("__saved_model")
    }


def signatures_of_json(described: Mapping[str, Any]) -> dict[str, Signature]:
    """The same from metadata in JSON; raises where they are none, as `TensorInfo.of_json`."""
    return {
        name: Signature(
            *(
                # One that takes nothing has none.
                {key: TensorInfo.of_json(info) for key, info in sorted(of.get(side, {}).items())}
                for side in ("inputs", "outputs")
            ),
            method_name=of.get("method_name", ""),
        )
        for name, of in sorted(described.items())
        if not name.startswith("__saved_model")
    }
