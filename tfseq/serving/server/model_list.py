"""`/v1/models`: which model there is, and of what kind."""

import time
from collections.abc import Iterable
from typing import Any

# Kind -> the signature that tells it.
_KINDS = {"generate": "language_model", "tag_tokens": "tagger", "forecast": "forecaster"}


def kind_of(signatures: Iterable[str], outputs: Iterable[str]) -> str:
    """The kind of a model, by its signatures and the outputs of `serving_default`.

    >>> kind_of(["generate", "score"], ["text"])
    'language_model'
    >>> kind_of(["serving_default"], ["labels", "scores"])
    'text_classifier'
    """
    signatures = set(signatures)
    for signature, kind in _KINDS.items():
        if signature in signatures:
            return kind
    return "text_classifier" if {"labels", "scores"} <= set(outputs) else "other"


def described_model(name: str, version: str, signatures: dict[str, Any]) -> dict[str, Any]:
    """A model as OpenAI's API describes it, with its kind and version."""
    default = signatures.get("serving_default")
    return {
        "id": name,
        "object": "model",
        "created": _STARTED,
        "owned_by": "tfseq",
        "kind": kind_of(signatures, default.outputs if default else ()),
        "version": version,
    }


def listed(models: list[dict[str, Any]]) -> dict[str, Any]:
    """The list of all models."""
    return {"object": "list", "data": models}


_STARTED = int(time.time())
