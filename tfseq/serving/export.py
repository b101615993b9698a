"""A trained language model written as a SavedModel for TensorFlow Serving."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from tfseq.generation.text_graph import check_vocabulary
from tfseq.models import LanguageModel
from tfseq.serving.model_card import describe_signature, write_model_card
from tfseq.serving.settings import ServingSettings
from tfseq.serving.signatures import LanguageModelSignatures
from tfseq.serving.versions import check_version, publish, staging_directory
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

    Its signatures are `serving_default`, `generate`, `beam_search`, `score`, `next_token`,
    `encode`, `decode` and `step`; tokenizer and vocabulary are in the graph, the vocabulary's
    file among the assets, and a model card in `assets.extra/`. It needs no Python, no tfseq and
    no XLA where it runs. The version directory appears whole, by
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

    Example:
        >>> import tempfile, tfseq
        >>> vocabulary = tfseq.Vocabulary(["a", "b"])
        >>> model = tfseq.LanguageModel(len(vocabulary), units=4)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = export_language_model(model, tfseq.CharTokenizer(), vocabulary, directory)
        ...     print(path.name, sorted(child.name for child in path.iterdir()))
        1 ['assets', 'assets.extra', 'fingerprint.pb', 'saved_model.pb', 'variables']
    """
    check_vocabulary(model, vocabulary)
    settings = settings or ServingSettings()
    metadata = json.loads(json.dumps(dict(metadata or {}), allow_nan=False))
    if version is not None:
        check_version(directory, version)
    with staging_directory(directory) as staging:
        saved = staging / "saved_model"
        vocabulary_file = staging / "vocabulary.txt"
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
        return publish(saved, directory, version)
