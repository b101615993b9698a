"""LiteRT's interpreter under the name that `run.py` imports, wherever it comes from."""

import importlib.util
import sys
import types
import warnings

import pytest
import tensorflow as tf


def _of_tensorflow(path, **options):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*tf.lite.Interpreter is deprecated", UserWarning)
        return tf.lite.Interpreter(path, **options)


@pytest.fixture
def runner(monkeypatch):
    """`runner(directory)` -> the module that an export has published as `run.py`."""
    if importlib.util.find_spec("ai_edge_litert") is None:
        package = types.ModuleType("ai_edge_litert")
        package.interpreter = types.ModuleType("ai_edge_litert.interpreter")
        package.interpreter.Interpreter = _of_tensorflow
        monkeypatch.setitem(sys.modules, "ai_edge_litert", package)
        monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", package.interpreter)

    def load(directory):
        spec = importlib.util.spec_from_file_location("run", directory / "run.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
