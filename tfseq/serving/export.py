"""A model written as a SavedModel for TensorFlow Serving: the steps that all tasks share."""

import json
import os
from collections.abc import Callable, Mapping, Sized
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict

import tensorflow as tf

from tfseq.layers import portable_loops
from tfseq.serving.lean_graph import make_lean
from tfseq.serving.loader.loader_process import LoaderProcess
from tfseq.serving.model_card import write_model_card
from tfseq.serving.saved_model_file import described_signatures, read_saved_model
from tfseq.serving.versions import (
    check_positive,
    check_version,
    publish,
    remove_old_versions,
    staging_directory,
)
from tfseq.serving.warm_up import WARM_UP_FILE, replay, warm_up_requests, write_records
from tfseq.text import Vocabulary, VocabularyTables


class Publishing(TypedDict, total=False):
    """What every exporter takes by name beside its settings; `export_language_model` tells."""

    version: int | None
    metadata: Mapping | None
    keep_versions: int | None


def export_module(
    build: Callable[[Path], tf.Module],
    directory: str | os.PathLike,
    *,
    card: Mapping,
    examples: Mapping[str, Any],
    max_batch_size: int = 1,
    version: int | None = None,
    metadata: Mapping | None = None,
    keep_versions: int | None = None,
) -> Path:
    """Write a module with signatures as `<directory>/<version>/`.

    A warm-up request for every signature at batch sizes 1 and the largest is put in, and replayed
    through TensorFlow's C API, XLA off, in a process of its own before anything is published.

    Args:
        build: makes the module whose method `signatures()` gives name -> `tf.function`; it is
            handed a directory for the files that are to be its assets.
        card: what the model card says besides `metadata` and `signatures`.
        examples, max_batch_size: rows of the inputs for warm-up; see `warm_up_requests`.

    Other arguments, returns, raises: as for `export_language_model`.
    """
    metadata = json.loads(json.dumps(dict(metadata or {}), allow_nan=False))
    if version is not None:
        check_version(directory, version)
    if keep_versions is not None:
        check_positive("keep_versions", keep_versions)
    with staging_directory(directory) as staging, portable_loops():
        saved = staging / "saved_model"
        module = build(staging)
        # Gradients are of no use to a server, and their functions may hold other operations.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, str(saved), signatures=module.signatures(), options=options)
        make_lean(saved)
        (meta_graph,) = read_saved_model(saved).meta_graphs
        signatures = described_signatures(meta_graph)
        requests = warm_up_requests(signatures, examples, sorted({1, max_batch_size}))
        write_records(saved / WARM_UP_FILE, Path(directory).name, requests)
        write_model_card(saved, {"metadata": metadata, "signatures": signatures, **card})
        with LoaderProcess() as loader:
            replay(saved, loader)
        path = publish(saved, directory, version)
    if keep_versions is not None:
        remove_old_versions(path, keep_versions)
    return path


def describe_parts(
    model: Any, settings: Any, tokenizer: Any = None, vocabulary: Vocabulary | None = None
) -> dict[str, Any]:
    """What every model card says of the parts of an export, in values that JSON can hold."""
    card = {"settings": asdict(settings), "model": model.get_config()}
    if tokenizer is not None:
        own = getattr(tokenizer, "own", tokenizer)
        name = f"{type(own).__module__}:{type(own).__qualname__}"
        described = hasattr(own, "get_config")
        card["tokenizer"] = own.get_config() if described else {"kind": name}
    if vocabulary is not None:
        card["vocabulary"] = {"size": len(vocabulary), "sha256": vocabulary.fingerprint}
    return card


def asset_tables(vocabulary: Vocabulary, directory: Path) -> VocabularyTables:
    """The lookup tables of a vocabulary, over a file that is an asset of what is saved."""
    file = directory / "vocabulary.txt"
    vocabulary.save(file)
    return vocabulary.tables(file)


def check_size(name: str, given: Sized, needed: int) -> None:
    """Raises ValueError unless an argument has as many entries as the model."""
    if len(given) != needed:
        raise ValueError(
            f"`{name}` must have as many entries as the model has, {needed}. "
            f"Received: {len(given)}."
        )
