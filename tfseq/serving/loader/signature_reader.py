"""The signatures of a SavedModel, read from the bytes of its MetaGraphDef without TensorFlow."""

STRING = 7
DTYPES = {1: "float32", 2: "float64", 3: "int32", 9: "int64", 10: "bool"}


def _fields(message: bytes):
    """The (field number, value) pairs of a serialized protocol buffer message."""
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
            continue
        length = {1: 8, 5: 4}.get(kind) or varint()
        yield key >> 3, message[position : position + length]
        position += length


def _map_entries(message: bytes, number: int):
    for field, entry in _fields(message):
        if field == number:
            parts = dict(_fields(entry))
            yield parts[1].decode(), parts.get(2, b"")


def _tensor_info(message: bytes) -> dict:
    parts = dict(_fields(message))
    shape = None
    if 3 in parts:
        dims = [dict(_fields(dim)).get(1, 0) for f, dim in _fields(parts[3]) if f == 2]
        shape = [None if dim >= 1 << 63 else dim for dim in dims]
        if any(f == 3 and unknown for f, unknown in _fields(parts[3])):
            shape = None
    dtype = "string" if parts[2] == STRING else DTYPES[parts[2]]
    return {"tensor": parts[1].decode(), "dtype": dtype, "shape": shape}


def read_signatures(meta_graph: bytes) -> dict:
    """Signature name -> inputs and outputs, from a serialized MetaGraphDef."""
    signatures = {}
    for name, signature in _map_entries(meta_graph, 5):
        if name.startswith("__saved_model"):
            continue
        signatures[name] = {
            side: {k: _tensor_info(v) for k, v in _map_entries(signature, number)}
            for side, number in (("inputs", 1), ("outputs", 2))
        }
    return signatures
