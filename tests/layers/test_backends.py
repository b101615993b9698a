"""Cells, layers and interop on the other backends of Keras, with TensorFlow out of reach."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tfseq

SCRIPT = Path(__file__).with_name("backend_check.py")


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
        [sys.executable, SCRIPT], capture_output=True, text=True, check=False, env=environment
    )
    assert child.returncode == 0, child.stderr
    name, error = child.stdout.split()[-2:]
    assert name == backend
    assert float(error) < 1e-5
