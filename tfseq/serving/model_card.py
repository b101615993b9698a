"""The model card of an export: what it is, what it needs, and the digests of its files."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf

import tfseq
from tfseq.serving.operations import read_operations

#: Where the card lies in a version directory.
MODEL_CARD = Path("assets.extra", "model_card.json")
#: The oldest TensorFlow under which exports of this version of tfseq have been loaded, and have
#: answered every signature of every task alike: `tests/serving/older_tensorflow.py`.
OLDEST_TENSORFLOW = "2.19"


def write_model_card(directory: str | Path, card: Mapping) -> None:
    """Write `assets.extra/model_card.json` into a version directory that is otherwise complete.

    It is one JSON object: what the caller says, then `operations`, `versions` (tfseq, TensorFlow,
    Keras; `oldest_tensorflow_tried`, see `OLDEST_TENSORFLOW`) and `sha256` (of every other file, by
    its path). Raises as `read_operations`.
    """
    directory = Path(directory)
    card = {
        **card,
        "operations": read_operations(directory),
        "versions": {
            "tfseq": tfseq.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "oldest_tensorflow_tried": OLDEST_TENSORFLOW,
        },
        "sha256": file_digests(directory),
    }
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    path = directory / MODEL_CARD
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def file_digests(directory: str | Path) -> dict[str, str]:
    """SHA-256 in hexadecimal of every file below a version directory but its model card."""
    directory = Path(directory)
    paths = sorted(p.relative_to(directory) for p in directory.rglob("*") if p.is_file())
    return {
        path.as_posix(): hashlib.sha256((directory / path).read_bytes()).hexdigest()
        for path in paths
        if path != MODEL_CARD
    }
