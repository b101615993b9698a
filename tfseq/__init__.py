"""tfseq: recurrent sequence models, from text to a SavedModel that TensorFlow Serving runs.

Public names are loaded on first use, so that importing `tfseq` costs nothing and `tfseq.cells`
and `tfseq.layers` need Keras alone, on any of its backends.
"""

from typing import TYPE_CHECKING

from tfseq._lazy import attach

if TYPE_CHECKING:
    from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
    from tfseq.data import random_windows, sequential_windows
    from tfseq.errors import InputError
    from tfseq.freed_memory import keep_freed_memory
    from tfseq.layers import RNN, RecurrentStack
    from tfseq.models import Forecaster, LanguageModel, NGramModel, Tagger, TextClassifier
    from tfseq.tasks import (
        ForecastingOptions,
        LanguageModelOptions,
        TaggingOptions,
        Task,
        TextClassificationOptions,
        load,
        train,
    )
    from tfseq.text import CharTokenizer, Vocabulary, WordTokenizer

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "InputError": "tfseq.errors",
        "keep_freed_memory": "tfseq.freed_memory",
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
        "ForecastingOptions": "tfseq.tasks",
        "LanguageModelOptions": "tfseq.tasks",
        "TaggingOptions": "tfseq.tasks",
        "Task": "tfseq.tasks",
        "TextClassificationOptions": "tfseq.tasks",
        "load": "tfseq.tasks",
        "train": "tfseq.tasks",
        "LanguageModel": "tfseq.models",
        "TextClassifier": "tfseq.models",
        "Tagger": "tfseq.models",
        "Forecaster": "tfseq.models",
        "NGramModel": "tfseq.models",
        "cells": "tfseq.cells",
        "data": "tfseq.data",
        "files": "tfseq.files",
        "generation": "tfseq.generation",
        "interop": "tfseq.interop",
        "layers": "tfseq.layers",
        "models": "tfseq.models",
        "report": "tfseq.report",
        "serving": "tfseq.serving",
        "text": "tfseq.text",
        "analysis": "tfseq.analysis",
        "metrics": "tfseq.metrics",
        "options": "tfseq.options",
        "runs": "tfseq.runs",
        "tasks": "tfseq.tasks",
    },
)
