"""`run.py` where a package that it needs is not installed."""

import runpy
import shutil
import sys

import pytest

from tfseq.serving.on_device import runner


@pytest.mark.parametrize(
    ("file", "module", "package"),
    [
        ("model_int8.tflite", "ai_edge_litert", "ai-edge-litert"),
        ("model_float32.onnx", "onnxruntime", "onnxruntime"),
    ],
)
def test_a_missing_package_is_named(tmp_path, monkeypatch, file, module, package):
    script = shutil.copyfile(runner.__file__, tmp_path / "run.py")
    (tmp_path / file).write_bytes(b"")
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(sys, "argv", ["run.py", "The "])
    with pytest.raises(SystemExit, match=f"^error: run.py needs {package}: pip install {package}$"):
        runpy.run_path(str(script), run_name="__main__")
