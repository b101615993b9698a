"""A trained language model written as a SavedModel for TensorFlow Serving."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import tensorflow as tf

from tfseq.generation.text_graph import check_vocabulary
from tfseq.layers import portable_loops
from tfseq.models import LanguageModel
from tfseq.serving.loader.loader_process import LoaderProcess
from tfseq.serving.model_card import describe_signature, write_model_card
from tfseq.serving.signatures.language_model import LanguageModelSignatures
from tfseq.serving.signatures.settings import ServingSettings
from tfseq.serving.versions import (
    check_keep_versions,
    check_version,
    publish,
    remove_old_versions,
    staging_directory,
)
from tfseq.serving.warm_up import WARM_UP_FILE, replay, warm_up_requests, write_records
from tfseq.text import Tokenizer, Vocabulary


def export_language_model(
    model: LanguageModel,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    directory: str | os.PathLike,
    *,
    version: int | None = None,
    settings: ServingSettings | None = None,
    metadata: Mapping | None = None,
    keep_versions: int | None = None,
) -> Path:
    """Write `<directory>/<version>/`, a SavedModel that takes strings and returns strings.

    Its signatures are `serving_default`, `generate`, `beam_search`, `score`, `next_token`,
    `encode`, `decode` and `step`; tokenizer and vocabulary are in the graph, the vocabulary's
    file among the assets, and a model card in `assets.extra/`. It needs no Python, no tfseq and
    no XLA where it runs. Warm-up requests for every signature at batch sizes 1 and the largest
    are put in, and replayed through TensorFlow's C API, XLA off, in a process of their own before
    anything is published. The version directory appears whole, by
    rename, or not at all, so that a running server may watch `directory`.

    Args:
        model: a `tfseq.LanguageModel`.
        tokenizer: the tokenizer of its training text.
        vocabulary: the vocabulary of its ids.
        directory: `exported/<name>`, the base path that the server is given; made if missing.
        version: positive integer; None takes the one after the highest that is there.
        settings: caps and the settings of `serving_default`; None takes the usual ones.
        metadata: goes into the model card; values that JSON can hold.
        keep_versions: positive integer; lower versions are removed until as many are left. None
            removes nothing.

    Returns:
        The path of the version directory.

    Raises:
        TypeError: if `model` is no language model.
        InputError: if the directory cannot be written or the version is there already.
        ValueError: if model and vocabulary differ in size, `version` or `keep_versions` is not
            positive, `metadata` is not JSON, or the graph could not run on a server.
        LoaderError: if the C API cannot load the model or run a warm-up request.

    Example:
        >>> import tempfile, tfseq
        >>> vocabulary = tfseq.Vocabulary(["a", "b"])
        >>> model = tfseq.LanguageModel(len(vocabulary), units=4)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = export_language_model(model, tfseq.CharTokenizer(), vocabulary, directory)
        ...     print(path.name, sorted(child.name for child in path.iterdir()))
        1 ['assets', 'assets.extra', 'fingerprint.pb', 'saved_model.pb', 'variables']
    """
    if not isinstance(model, LanguageModel):
        raise TypeError(
            "`model` must be a tfseq.LanguageModel; the other models have exports of their own. "
            f"Received: {type(model).__name__}."
        )
    check_vocabulary(model, vocabulary)
    settings = settings or ServingSettings()

    def build(staging: Path) -> LanguageModelSignatures:
        vocabulary_file = staging / "vocabulary.txt"
        vocabulary.save(vocabulary_file)
        return LanguageModelSignatures(
            model, tokenizer, vocabulary.tables(vocabulary_file), settings
        )

    def requests(signatures: Mapping[str, dict]) -> list:
        batch_sizes = sorted({1, settings.max_batch_size})
        return warm_up_requests(signatures, vocabulary.tokens[1:5], batch_sizes)

    card = {
        "settings": asdict(settings),
        "model": model.get_config(),
        "tokenizer": tokenizer.get_config(),
        "vocabulary": {"size": len(vocabulary), "sha256": vocabulary.fingerprint},
    }
    return export_module(
        build,
        directory,
        requests=requests,
        card=card,
        version=version,
        metadata=metadata,
        keep_versions=keep_versions,
    )


def export_module(
    build: Callable[[Path], tf.Module],
    directory: str | os.PathLike,
    *,
    requests: Callable[[Mapping[str, dict]], Sequence[tuple[str, Mapping]]],
    card: Mapping,
    version: int | None = None,
    metadata: Mapping | None = None,
    keep_versions: int | None = None,
) -> Path:
    """Write a module with signatures as `<directory>/<version>/`, what every export here does.

    Args:
        build: makes the module whose method `signatures()` gives name -> `tf.function`; it is
            handed a directory for the files that are to be its assets.
        directory, version, metadata, keep_versions: as for `export_language_model`.
        requests: signatures, as in the model card -> warm-up requests, pairs of a signature's
            name and its inputs.
        card: what the model card says besides `metadata` and `signatures`.

    Returns, raises: as `export_language_model`.
    """
    metadata = json.loads(json.dumps(dict(metadata or {}), allow_nan=False))
    if version is not None:
        check_version(directory, version)
    if keep_versions is not None:
        check_keep_versions(keep_versions)
    with staging_directory(directory) as staging, portable_loops():
        saved = staging / "saved_model"
        module = build(staging)
        signatures = {
            name: function.get_concrete_function() for name, function in module.signatures().items()
        }
        # Gradients are of no use to a server, and their functions may hold other operations.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, str(saved), signatures=signatures, options=options)
        described = {name: describe_signature(function) for name, function in signatures.items()}
        write_records(saved / WARM_UP_FILE, Path(directory).name, requests(described))
        write_model_card(saved, {"metadata": metadata, "signatures": described, **card})
        with LoaderProcess() as loader:
            replay(saved, loader)
        path = publish(saved, directory, version)
    if keep_versions is not None:
        remove_old_versions(path, keep_versions)
    return path
