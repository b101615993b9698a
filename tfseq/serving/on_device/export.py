"""A language model written for phones, browsers and small computers."""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf

import tfseq
from tfseq.errors import InputError
from tfseq.generation.text_graph import check_vocabulary
from tfseq.models import LanguageModel
from tfseq.serving.on_device.litert_file import litert_files
from tfseq.serving.on_device.measurement import LiteRTStep, ONNXStep, measure
from tfseq.serving.on_device.onnx_file import import_tf2onnx, onnx_files
from tfseq.serving.on_device.tokenizer_file import SUBWORDS, describe_text
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
Format = Literal["litert", "onnx"]
_SUFFIXES: dict[Format, str] = {"litert": "tflite", "onnx": "onnx"}


def export_on_device(
    model: LanguageModel,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    directory: str | os.PathLike,
    *,
    format: Format = "litert",
    ids: Sequence[int] | np.ndarray = (),
    context: int | None = None,
    version: int | None = None,
    metadata: Mapping | None = None,
    keep_versions: int | None = None,
) -> Path:
    """Write `<directory>/<version>/`: one step of a language model for LiteRT, or as ONNX.

    `model_float32.tflite` computes what the model does, `model_int8.tflite` with weights of eight
    bits. Both have the signature `step`: `token_ids` int32 [1] and the states, float32 and zero at
    the start of a text, to `logits` float32 [1, V] and the states, by the same names. Beside them
    are `tokenizer.json` (see `describe_text`), `run.py`, which needs ai-edge-litert and NumPy and
    writes text with them, and `card.json`. With the format `onnx` there is `model_float32.onnx`,
    whose new states are called `new_` and the state's name, and `run.py` needs onnxruntime. The
    version directory appears whole, or not at all.

    Args:
        model, tokenizer, vocabulary: as for `export_language_model`; the tokenizer may be one that
            is not in-graph, but `run.py` can do nothing with one of a person's own.
        format: `litert` or `onnx`; the second needs the extra `onnx`.
        directory: a base path of its own: a server that watches it would find no SavedModel.
        ids: the start of a text that the model has not learned from, at least 2 ids, by which the
            files are measured; none measures nothing.
        context: the id before the first.
        version, metadata, keep_versions: as for `export_language_model`.

    Returns:
        The path of the version directory.

    Raises:
        TypeError: if `model` is no language model.
        InputError: if the format has no operation for what the model does, the extra is missing,
            the directory cannot be written or holds SavedModels, or the version is there already.
        ValueError: if model and vocabulary differ in size, or `metadata` is not JSON.

    Example:
        >>> import tempfile, tfseq
        >>> vocabulary = tfseq.Vocabulary(["a", "b"])
        >>> model = tfseq.LanguageModel(len(vocabulary), units=4)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = export_on_device(model, tfseq.CharTokenizer(), vocabulary, directory)
        ...     print(path.name, *sorted(child.name for child in path.iterdir()))
        1 card.json model_float32.tflite model_int8.tflite run.py tokenizer.json
    """
    if not isinstance(model, LanguageModel):
        raise TypeError(f"`model` must be a tfseq.LanguageModel. Received: {type(model).__name__}.")
    check_vocabulary(model, vocabulary)
    metadata = json.loads(json.dumps(dict(metadata or {}), allow_nan=False))
    check_export(format, directory, version)
    if keep_versions is not None:
        check_positive("keep_versions", keep_versions)
    with staging_directory(directory) as staging:
        if format == "onnx":
            files, open_step = onnx_files(model), ONNXStep
        else:
            files, open_step = litert_files(model, staging / "saved_model"), LiteRTStep
        place = staging / "litert"
        place.mkdir(mode=0o755)
        for kind, content in files.items():
            (place / f"model_{kind}.{_SUFFIXES[format]}").write_bytes(content)
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
                kind: dataclasses.asdict(measure(open_step(content), ids, context))
                for kind, content in (files.items() if len(ids) > (context is None) else ())
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


def check_export(format: Format, directory: str | os.PathLike, version: int | None = None) -> None:
    """Raises InputError where an export would fail whatever the model is."""
    if format == "onnx":
        import_tf2onnx()
    if version is not None:
        check_version(directory, version)
    if any(Path(directory).glob("*/saved_model.pb")):
        raise InputError(
            f"`name` must be one of its own for `format` {format}: {os.fspath(directory)} holds "
            "SavedModels, and a server that reads them would look for one in every version."
        )


def describe_files(path: str | os.PathLike) -> list[str]:
    """Lines that say how large the files of an export are, and what was measured.

    Args:
        path: the version directory.
    """
    card: dict[str, Any] = json.loads(Path(path, CARD).read_text(encoding="utf-8"))
    lines = []
    for file, size in card["bytes"].items():
        kind = Path(file).stem.removeprefix("model_")
        if not file.startswith("model_"):
            continue
        line = f"{kind:<11} {size:,} bytes"
        if measured := card["measured"].get(kind):
            line += (
                f", perplexity {measured['perplexity']:.4f} on {measured['num_tokens']:,} tokens, "
                f"{measured['microseconds']:.0f} microseconds a step"
            )
        lines.append(line)
    return lines
