"""A language model as a SavedModel: strings in, strings and numbers out."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from tfseq.errors import InputError
from tfseq.generation.constraints import Constraints
from tfseq.generation.text_graph import check_vocabulary
from tfseq.models import LanguageModel
from tfseq.serving.export import Publishing, asset_tables, describe_parts, export_module
from tfseq.serving.signatures.in_graph import check_in_graph
from tfseq.serving.signatures.language_model_signatures import LanguageModelSignatures
from tfseq.serving.signatures.settings import ServingSettings
from tfseq.text import Tokenizer, Vocabulary
from tfseq.text.tokenizers.make_tokenizer import as_tokenizer


def export_language_model(
    model: LanguageModel,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    directory: str | os.PathLike,
    *,
    settings: ServingSettings | None = None,
    **publishing: Unpack[Publishing],
) -> Path:
    """Write `<directory>/<version>/`, a SavedModel that takes strings and returns strings.

    Its signatures are `serving_default`, `generate`, `generate_controlled`, `beam_search`, `score`,
    `next_token`, `encode`, `decode` and `step`; tokenizer and vocabulary are in the graph, the
    vocabulary's file among the assets, and a model card in `assets.extra/`. It needs no Python, no
    tfseq and no XLA where it runs. Warm-up requests for every signature are put in, and tried in
    the C++ loader before anything is published. The version directory appears whole, by rename, or
    not at all, so that a running server may watch `directory`.

    Args:
        model: a `tfseq.LanguageModel`.
        tokenizer: the tokenizer of its training text, or any object whose `tokenize` and
            `detokenize` work in a `tf.function`; its `join`, if it has one, puts prompt and
            completion together.
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
        InputError: if the tokenizer is not in-graph, a banned token is none of the vocabulary or
            no other is left, the directory cannot be written or the version is there already.
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
    tokenizer = as_tokenizer(tokenizer)
    check_in_graph(tokenizer, "tokenize", "detokenize", "join")
    constraints = _constraints(settings.banned_tokens, vocabulary)
    words = " ".join(vocabulary.tokens[1:5])
    return export_module(
        lambda assets: LanguageModelSignatures(
            model, tokenizer, asset_tables(vocabulary, assets), settings, constraints
        ),
        directory,
        card=describe_parts(model, settings, tokenizer, vocabulary),
        examples={
            "prompt": words,
            "text": words,
            "max_new_tokens": 4,
            "temperature": 1,
            # With top-k there is another loop.
            "top_k": (0, 1),
            "top_p": 1,
            "stop": "\0",
            "repetition_penalty": 1,
            "num_tokens": 1,
        },
        max_batch_size=settings.max_batch_size,
        **publishing,
    )


def _constraints(banned_tokens: Sequence[str], vocabulary: Vocabulary) -> Constraints:
    """What the export never writes."""
    unknown = [token for token in banned_tokens if token not in vocabulary.tokens]
    if unknown:
        raise InputError(
            f"`banned_tokens` must be tokens of the vocabulary. Received: {unknown[0]!r}."
        )
    constraints = Constraints(
        forbidden=tuple(vocabulary.tokens.index(token) for token in banned_tokens)
    )
    if constraints.leaves_none(len(vocabulary), vocabulary.document_ids):
        raise InputError("`banned_tokens` must leave a token to be written. Received: all.")
    return constraints
