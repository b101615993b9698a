"""Checkpoints: one file each, whole or absent, damage noticed.

A checkpoint is one uncompressed `.npz` (named arrays, and a JSON text of everything that is not
an array) followed by the SHA-256 of its bytes, so that any change at all is noticed. It is
written aside, flushed to the disk, and renamed: a process killed at any moment leaves the
checkpoints that were there, and nothing that looks like one but is not.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfseq.files.atomic_file import write_atomically, writing

_NAME = re.compile(r"step-(\d{9})\.npz")
_METADATA = "metadata.json"


@dataclass(frozen=True)
class Checkpoint:
    """Named arrays and JSON metadata, as they were at `step`."""

    step: int
    arrays: Mapping[str, np.ndarray]
    metadata: Mapping[str, Any]


def save_checkpoint(directory: str | os.PathLike, checkpoint: Checkpoint, keep: int = 2) -> Path:
    """Write a checkpoint and remove all but the newest `keep`.

    Raises:
        WriteError: it cannot be written. Those that were there are left.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = save_checkpoint(directory, Checkpoint(7, {"w": np.ones(2)}, {"epoch": 1}))
    ...     restored, damaged = load_latest_checkpoint(directory)
    >>> path.name, restored.metadata, damaged
    ('step-000000007.npz', {'epoch': 1}, [])
    """
    directory = Path(directory)
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
    for leftover in directory.glob(".step-*.partial"):
        leftover.unlink(missing_ok=True)
    buffer = io.BytesIO()
    text = json.dumps(checkpoint.metadata).encode("utf-8")
    arrays = {name: _storable(array) for name, array in checkpoint.arrays.items()}
    np.savez(buffer, **{_METADATA: np.frombuffer(text, "uint8")}, **arrays)
    path = directory / f"step-{checkpoint.step:09d}.npz"
    content = buffer.getvalue()
    write_atomically(path, content + hashlib.sha256(content).digest())
    for old in list_checkpoints(directory)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def list_checkpoints(directory: str | os.PathLike) -> list[Path]:
    """Paths of the checkpoints in a directory, oldest first."""
    paths = [p for p in Path(directory).glob("step-*.npz") if _NAME.fullmatch(p.name)]
    return sorted(paths, key=lambda path: path.name)


def load_latest_checkpoint(
    directory: str | os.PathLike,
) -> tuple[Checkpoint | None, list[Path]]:
    """The newest checkpoint that reads back whole, and the damaged ones passed over.

    Returns:
        (checkpoint, damaged): None where there is no sound checkpoint.
    """
    damaged = []
    for path in reversed(list_checkpoints(directory)):
        try:
            return _read(path), damaged
        except (OSError, ValueError):
            damaged.append(path)
    return None, damaged


def _storable(array: np.ndarray) -> np.ndarray:
    """As an array of one of NumPy's own types: files know no bfloat16, which float32 holds."""
    return array.astype("float32") if array.dtype.name == "bfloat16" else array


def _read(path: Path) -> Checkpoint:
    content = path.read_bytes()
    content, digest = content[:-32], content[-32:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError(f"{path} is damaged.")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    metadata = json.loads(arrays.pop(_METADATA).tobytes().decode("utf-8"))
    return Checkpoint(int(_NAME.fullmatch(path.name)[1]), arrays, metadata)
