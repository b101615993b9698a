"""Token ids in files of one size, mapped into memory one after the other as one array."""

import ctypes
import mmap
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

#: Bytes of a shard; the last one may have fewer.
SHARD_BYTES = 1 << 26
#: What the bytes of a shard are a multiple of: every system's page.
PAGE_BYTES = 1 << 16


def shard_name(number: int) -> str:
    """The file of a shard.

    >>> shard_name(3)
    'ids-00003'
    """
    return f"ids-{number:05}"


def map_shards(paths: Sequence[Path], dtype: np.dtype) -> np.ndarray:
    """Files as one read-only array, of which memory holds what is read.

    Their pages stand one after the other in this process's memory, so that the array is contiguous,
    as `np.memmap` of one file is.

    Args:
        paths: the files. Of all but the last the size is a multiple of `PAGE_BYTES`.
        dtype: the type of the ids.

    Raises:
        OSError, ValueError: a file cannot be mapped, or has another size.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     paths = [Path(directory, name) for name in "ab"]
    ...     _ = paths[0].write_bytes(bytes(PAGE_BYTES)), paths[1].write_bytes(b"123")
    ...     ids = map_shards(paths, np.dtype(np.uint8))
    >>> len(ids), ids[-4:].tolist()
    (65539, [0, 49, 50, 51])
    """
    sizes = [path.stat().st_size for path in paths]
    if any(size % PAGE_BYTES for size in sizes[:-1]) or not all(sizes):
        raise ValueError(f"Shards have sizes that they cannot have: {sizes}.")
    total = sum(sizes)
    reserved = mmap.mmap(-1, total, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ)
    array = np.frombuffer(reserved, dtype)
    address = array.ctypes.data
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    fixed = mmap.MAP_SHARED | 0x10  # MAP_FIXED, on Linux and macOS.
    for path, size in zip(paths, sizes, strict=True):
        with path.open("rb") as file:
            mapped = libc.mmap(address, size, mmap.PROT_READ, fixed, file.fileno(), 0)
        if mapped != address:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
        address += size
    return array
