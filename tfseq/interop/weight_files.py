"""Files of weights as arrays by name: `.safetensors`, `.npz`, `.keras` and Keras' `.h5`."""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np

from tfseq.errors import InputError

#: The endings of the files that `read_weight_file` reads.
ENDINGS = (".safetensors", ".npz", ".keras", ".h5")
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
# Of safetensors. NumPy has no BF16: it is the upper half of a float32.
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_MOST_HEADER_BYTES = 100 << 20


def is_weight_file(path: Path) -> bool:
    """Whether a path is named like a file of weights.

    Raises:
        InputError: it is named like a pickle, which is not read: it could run any code.
    """
    if path.suffix.lower() in _PICKLES:
        raise InputError(
            f"{path} is a pickle by its name, and reading one may run any code. Save the weights "
            "with `safetensors.torch.save_file(model.state_dict(), 'model.safetensors')`, and name "
            "that file."
        )
    return path.suffix.lower() in ENDINGS


def read_weight_file(path: Path) -> dict[str, np.ndarray]:
    """The arrays of numbers in a file, in float32, by name; those of an optimizer are left out.

    Args:
        path: `.safetensors`, as PyTorch's models are published; `.npz`; `.keras`; or the `.h5` of
            `keras.Model.save_weights`, whose names are paths, `layers/gru/cell/vars/0`.

    Raises:
        InputError: it cannot be read, or holds no weights.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     np.savez(f"{place}/a.npz", weight=np.eye(2), steps=3)
    ...     read_weight_file(Path(place, "a.npz"))
    {'weight': array([[1., 0.],
           [0., 1.]], dtype=float32)}
    """
    readers = dict(zip(ENDINGS, (_safetensors, _npz, _keras, _h5), strict=True))
    try:
        arrays = readers[path.suffix.lower()](path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path} cannot be read: {reason}.") from error
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a complete {path.suffix} file: {error}.") from error
    numbers = {
        name: array.astype("float32")
        for name, array in arrays.items()
        if array.dtype.kind == "f" and array.ndim and not name.startswith("optimizer")
    }
    if not numbers:
        raise InputError(f"{path} holds no weights.")
    return numbers


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    """A header in JSON behind its length, 8 bytes; then all numbers."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, _MOST_HEADER_BYTES):
        raise ValueError("its header is cut off")
    header = json.loads(content[8 : 8 + length].decode())
    data = memoryview(content)[8 + length :]
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] not in _DTYPES:
            continue
        begin, end = entry["data_offsets"]
        if not 0 <= begin <= end <= len(data):
            raise ValueError(f"{name!r} lies outside the file")
        array = np.frombuffer(data[begin:end], _DTYPES[entry["dtype"]])
        if entry["dtype"] == "BF16":
            array = (array.astype("<u4") << 16).view("<f4")
        arrays[name] = array.reshape(entry["shape"])
    return arrays


def _npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        if not hasattr(file, "files"):
            raise ValueError("it is a single array")
        return {name: file[name] for name in file.files}


def _keras(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        return _h5(io.BytesIO(archive.read("model.weights.h5")))


def _h5(path: Path | io.BytesIO) -> dict[str, np.ndarray]:
    arrays = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                arrays.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None
            )
        )
    return arrays
