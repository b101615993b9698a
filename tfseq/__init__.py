"""tfseq: recurrent sequence models, from text to a SavedModel that TensorFlow Serving runs.

Public names are loaded on first use (PEP 562), so that importing `tfseq` costs nothing and
`tfseq.cells` and `tfseq.layers` need Keras alone, on any of its backends.
"""

import importlib

__version__ = "0.1.0"

_HOME = {
    "InputError": "tfseq.errors",
    "SimpleRNNCell": "tfseq.cells",
    "GRUCell": "tfseq.cells",
    "LSTMCell": "tfseq.cells",
    "RNN": "tfseq.layers",
    "RecurrentStack": "tfseq.layers",
    "CharTokenizer": "tfseq.text",
    "WordTokenizer": "tfseq.text",
    "Vocabulary": "tfseq.text",
    "random_windows": "tfseq.data",
    "sequential_windows": "tfseq.data",
    "LanguageModel": "tfseq.models",
}
_SUBPACKAGES = (
    "cells",
    "layers",
    "text",
    "data",
    "models",
    "training",
    "generation",
    "serving",
    "interop",
)

__all__ = sorted([*_HOME, *_SUBPACKAGES])


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _SUBPACKAGES:
        return importlib.import_module(f"tfseq.{name}")
    raise AttributeError(f"module 'tfseq' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
