"""A file of weights that is whole or absent, and whose damage is noticed."""

import hashlib
import math
import os
from pathlib import Path

import keras
import numpy as np

from tfseq.files.atomic_file import FULL, atomic_file

# After the last byte that HDF5 reads. In the same file, so that a process killed at any moment
# leaves a digest of these very weights.
_DIGEST_FOLLOWS = b"\nsha256 of all bytes before: "


def write_weights(path: Path, model: keras.Model) -> None:
    """Write the weights of a model, aside first, with a digest at the end.

    Raises:
        WriteError: they cannot be written.
    """
    size = sum(math.prod(w.shape) * np.dtype(w.dtype).itemsize for w in model.weights)
    with atomic_file(path, ending=".weights.h5") as aside:
        # HDF5 cannot close a file that the disk had no room for, and complains to the end.
        _reserve(aside, size + 2**14 * (len(model.weights) + 2))
        model.save_weights(aside)
        with open(aside, "rb+") as file:
            file.write(_DIGEST_FOLLOWS + hashlib.file_digest(file, "sha256").digest())


def check_weights(path: Path) -> None:
    """Raise ValueError where a file of weights is not as it was written.

    Of one without a digest, as Keras itself and earlier versions write it, that cannot be said.
    """
    content = memoryview(path.read_bytes())
    end = len(content) - len(_DIGEST_FOLLOWS) - hashlib.sha256().digest_size
    rest = bytes(content[max(0, end) :])
    digest = rest.removeprefix(_DIGEST_FOLLOWS)
    if digest != rest and hashlib.sha256(content[:end]).digest() != digest:
        raise ValueError(f"{path} is damaged.")


def _reserve(path: Path, num_bytes: int) -> None:
    """Make sure that there is room for a file of a size, by making one."""
    with open(path, "wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, num_bytes)
        except AttributeError:  # macOS has no such call.
            for _ in range(0, num_bytes, 2**20):
                file.write(bytes(2**20))
        except OSError as error:  # Nor has every file system.
            if error.errno in FULL:
                raise
