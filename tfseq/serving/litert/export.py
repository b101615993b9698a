"""A language model written for LiteRT: phones, browsers and small computers."""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import tfseq
from tfseq.errors import InputError
from tfseq.generation.text_graph import check_vocabulary
from tfseq.models import LanguageModel
from tfseq.serving.litert.conversion import MODEL_FILES, convert_step
from tfseq.serving.litert.measurement import measure
from tfseq.serving.litert.tokenizer_file import SUBWORDS, describe_text
from tfseq.serving.signatures.state_specs import state_specs
from tfseq.serving.versions import (
    check_positive,
    check_version,
    publish,
    remove_old_versions,
    staging_directory,
)
from tfseq.text import SubwordTokenizer, Tokenizer, Vocabulary

CARD = "card.json"


def export_litert(
    model: LanguageModel,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    directory: str | os.PathLike,
    *,
    ids: Sequence[int] | np.ndarray = (),
    context: int | None = None,
    version: int | None = None,
    metadata: Mapping | None = None,
    keep_versions: int | None = None,
) -> Path:
    """Write `<directory>/<version>/`: one step of a language model as LiteRT files.

    `model_float32.tflite` computes what the model does, `model_int8.tflite` with weights of eight
    bits. Both have the signature `step`: `token_ids` int32 [1] and the states, float32 and zero at
    the start of a text, to `logits` float32 [1, V] and the states, by the same names. Beside them
    are `tokenizer.json` (see `describe_text`), `run.py`, which needs ai-edge-litert and NumPy and
    writes text with them, and `card.json`. The version directory appears whole, or not at all.

    Args:
        model, tokenizer, vocabulary: as for `export_language_model`; the tokenizer may be one that
            is not in-graph, but `run.py` can do nothing with one of a person's own.
        directory: a base path of its own: a server that watches it would find no SavedModel.
        ids: the start of a text that the model has not learned from, at least 2 ids, by which both
            files are measured; none measures nothing.
        context: the id before the first.
        version, metadata, keep_versions: as for `export_language_model`.

    Returns:
        The path of the version directory.

    Raises:
        TypeError: if `model` is no language model.
        InputError: if LiteRT has no operation for what the model does, the directory cannot be
            written or holds SavedModels, or the version is there already.
        ValueError: if model and vocabulary differ in size, or `metadata` is not JSON.

    Example:
        >>> import tempfile, tfseq
        >>> vocabulary = tfseq.Vocabulary(["a", "b"])
        >>> model = tfseq.LanguageModel(len(vocabulary), units=4)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = export_litert(model, tfseq.CharTokenizer(), vocabulary, directory)
        ...     print(path.name, *sorted(child.name for child in path.iterdir()))
        1 card.json model_float32.tflite model_int8.tflite run.py tokenizer.json
    """
    if not isinstance(model, LanguageModel):
        raise TypeError(f"`model` must be a tfseq.LanguageModel. Received: {type(model).__name__}.")
    check_vocabulary(model, vocabulary)
    metadata = json.loads(json.dumps(dict(metadata or {}), allow_nan=False))
    check_base_path(directory, version)
    if keep_versions is not None:
        check_positive("keep_versions", keep_versions)
    with staging_directory(directory) as staging:
        files = convert_step(model, staging / "saved_model")
        place = staging / "litert"
        place.mkdir(mode=0o755)
        for name, content in files.items():
            (place / MODEL_FILES[name]).write_bytes(content)
        described = describe_text(tokenizer, vocabulary)
        (place / "tokenizer.json").write_text(json.dumps(described), encoding="utf-8")
        if isinstance(tokenizer, SubwordTokenizer):
            (place / SUBWORDS).write_bytes(tokenizer.model)
        shutil.copyfile(Path(__file__).with_name("runner.py"), place / "run.py")
        card = {
            "metadata": metadata,
            "model": model.get_config(),
            "states": {spec.name: [1, *spec.shape[1:]] for spec in state_specs(model)},
            "measured": {
                name: dataclasses.asdict(measure(content, ids, context)) if len(ids) else None
                for name, content in files.items()
            },
            "versions": {"tfseq": tfseq.__version__, "tensorflow": tf.__version__},
            "bytes": {p.name: p.stat().st_size for p in sorted(place.iterdir())},
            "sha256": {
                p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(place.iterdir())
            },
        }
        text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        (place / CARD).write_text(text, encoding="utf-8")
        path = publish(place, directory, version)
    if keep_versions is not None:
        remove_old_versions(path, keep_versions)
    return path


def check_base_path(directory: str | os.PathLike, version: int | None = None) -> None:
    """Raises InputError if a base path holds SavedModels, or the version already."""
    if version is not None:
        check_version(directory, version)
    if any(Path(directory).glob("*/saved_model.pb")):
        raise InputError(
            f"`name` must be one of its own for LiteRT: {os.fspath(directory)} holds SavedModels, "
            "and a server that reads them would look for one in every version."
        )


def describe_litert(path: str | os.PathLike) -> list[str]:
    """Lines that say how large the files of an export are, and what was measured.

    Args:
        path: the version directory.
    """
    card: dict[str, Any] = json.loads(Path(path, CARD).read_text(encoding="utf-8"))
    lines = []
    for name, file in MODEL_FILES.items():
        line = f"{name:<11} {card['bytes'][file]:,} bytes"
        if measured := card["measured"][name]:
            line += (
                f", perplexity {measured['perplexity']:.4f} on {measured['num_tokens']:,} tokens, "
                f"{measured['microseconds']:.0f} microseconds a step"
            )
        lines.append(line)
    return lines
