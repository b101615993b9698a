"""Counts of n-grams in one file: an `.npz`, and the SHA-256 of its bytes behind it."""

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from tfseq.errors import InputError
from tfseq.files.atomic_file import write_atomically
from tfseq.models.ngram.ngram_counts import NGramCounts

_FORMAT = "tfseq n-gram counts 1"


def save_counts(path: str | os.PathLike, counts: NGramCounts, config: dict[str, Any]) -> None:
    """Write counts and the configuration of their model, whole or not at all."""
    description = {"format": _FORMAT, "vocabulary_size": counts.vocabulary_size, "config": config}
    arrays = {
        f"{name}_{place}": array
        for name in ("keys", "counts", "suffixes")
        for place, array in enumerate(getattr(counts, name))
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, description=np.array(json.dumps(description)), **arrays)
    content = buffer.getvalue()
    write_atomically(path, content + hashlib.sha256(content).digest())


def load_counts(path: str | os.PathLike) -> tuple[NGramCounts, dict[str, Any]]:
    """Read what `save_counts` wrote: the counts, and the configuration of their model.

    Raises:
        InputError: the file cannot be read, is damaged, or is something else.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    content, digest = content[:-32], content[-32:]
    if hashlib.sha256(content).digest() != digest:
        raise InputError(f"{path} is not an n-gram model, or is damaged.")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        description = json.loads(str(file["description"]))
        if description["format"] != _FORMAT:
            raise InputError(f"{path} is not of this version: {description['format']}.")
        lengths = range(description["config"]["order"])
        counts = NGramCounts(
            description["vocabulary_size"],
            keys=[file[f"keys_{place}"] for place in lengths[:-1]],
            counts=[file[f"counts_{place}"] for place in lengths],
            suffixes=[file[f"suffixes_{place}"] for place in lengths[:-1]],
        )
    return counts, description["config"]
