"""A trained language model written as a SavedModel for TensorFlow Serving."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import tensorflow as tf

from tfseq.errors import InputError
from tfseq.generation.text_graph import check_vocabulary
from tfseq.models import LanguageModel
from tfseq.serving.model_card import describe_signature, write_model_card
from tfseq.serving.settings import ServingSettings
from tfseq.serving.signatures import LanguageModelSignatures
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
) -> Path:
    """Write `<directory>/<version>/`, a SavedModel that takes strings and returns strings.

    Its signatures are `serving_default`, `generate` and `score`; tokenizer and vocabulary are in
    the graph, the vocabulary's file among the assets, and a model card in `assets.extra/`. It
    needs no Python, no tfseq and no XLA where it runs. The version directory appears whole, by
    rename, or not at all, so that a running server may watch `directory`.

    Args:
        model: a `tfseq.LanguageModel`.
        tokenizer: the tokenizer of its training text.
        vocabulary: the vocabulary of its ids.
        directory: `exported/<name>`, the base path that the server is given; made if missing.
        version: positive integer; None takes the one after the highest that is there.
        settings: caps and the settings of `serving_default`; None takes the usual ones.
        metadata: goes into the model card; values that JSON can hold.

    Returns:
        The path of the version directory.

    Raises:
        InputError: if the directory cannot be written or the version is there already.
        ValueError: if model and vocabulary differ in size, `version` is not positive,
            `metadata` is not JSON, or the graph could not run on a server.
    """
    check_vocabulary(model, vocabulary)
    settings = settings or ServingSettings()
    metadata = json.loads(json.dumps(dict(metadata or {}), allow_nan=False))
    directory = Path(directory)
    if version is not None:
        _check_version(directory, version)
    with _directory_aside(directory) as aside:
        saved = aside / "saved_model"
        vocabulary_file = aside / "vocabulary.txt"
        vocabulary.save(vocabulary_file)
        module = LanguageModelSignatures(
            model, tokenizer, vocabulary.tables(vocabulary_file), settings
        )
        signatures = {
            name: function.get_concrete_function() for name, function in module.signatures().items()
        }
        # Gradients are of no use to a server, and their functions may hold other operations.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, str(saved), signatures=signatures, options=options)
        write_model_card(
            saved,
            model,
            tokenizer,
            vocabulary,
            settings,
            {name: describe_signature(function) for name, function in signatures.items()},
            metadata,
        )
        return _publish(saved, directory, version)


def next_version(directory: str | os.PathLike) -> int:
    """The version after the highest in a base path; 1 if there is none.

    Example:
        >>> next_version("no/such/directory")
        1
    """
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        names = []
    return max((int(name) for name in names if name.isdecimal()), default=0) + 1


def _check_version(directory: Path, version: int) -> None:
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValueError(f"`version` must be a positive integer. Received: {version!r}.")
    if os.path.lexists(directory / str(version)):
        raise InputError(
            f"`version` must be one that {directory} does not hold; an export is never "
            f"overwritten. Received: {version}. The next free one is {next_version(directory)}."
        )


@contextlib.contextmanager
def _directory_aside(directory: Path) -> Iterator[Path]:
    """A folder beside the versions, which the server does not look at; removed at the end."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=directory, prefix=".export-"))
    except OSError as error:
        raise InputError(f"Cannot write to {directory}: {error.strerror}.") from error
    try:
        yield aside
    finally:
        shutil.rmtree(aside)


def _publish(saved: Path, directory: Path, version: int | None) -> Path:
    """Rename a complete version directory into place."""
    while True:
        number = next_version(directory) if version is None else version
        target = directory / str(number)
        try:
            # Fails if another export has put a version there in the meantime.
            os.rename(saved, target)
            return target
        except OSError:
            if not target.exists():
                raise
            if version is not None:
                _check_version(directory, version)
