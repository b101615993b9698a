"""Cells, layers and interop on the other backends of Keras, with TensorFlow out of reach."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tfseq

# `import tensorflow` fails in the child as it does where TensorFlow is not installed.
CHILD = f"""
import runpy, sys
sys.modules["tensorflow"] = sys.modules["tensorflow_text"] = None
runpy.run_path({str(Path(__file__).with_name("backend_check.py"))!r}, run_name="__main__")
assert sys.modules["tensorflow"] is None
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_agree_with_the_golden_numbers(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "PYTHONPATH": str(Path(tfseq.__file__).parents[1]),
    }
    child = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, check=False, env=environment
    )
    assert child.returncode == 0, child.stderr
    name, error = child.stdout.split()[-2:]
    assert name == backend
    assert float(error) < 1e-5
