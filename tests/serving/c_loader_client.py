"""The test's end of the pipe to `c_loader.py`."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np


class LoaderError(Exception):
    """The C API's own error; `code` is its status code."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


class CLoader:
    """A child process that loads SavedModels by the C API and runs their signatures."""

    def __init__(self):
        package = Path(__file__).parent
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""}
        self._child = subprocess.Popen(
            [sys.executable, "-m", f"{package.name}.c_loader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=package.parent,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._child.pid

    def load(self, directory) -> dict:
        """Load a version directory; returns its signatures."""
        return self._ask({"load": str(directory)})["signatures"]

    def run(self, directory, signature: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """One request; strings come back as arrays of `bytes`."""
        tensors = {name: _to_json(np.asarray(value)) for name, value in inputs.items()}
        answer = self._ask({"model": str(directory), "signature": signature, "inputs": tensors})
        return {name: _from_json(value) for name, value in answer["outputs"].items()}

    def close(self) -> None:
        self._child.stdin.close()
        if self._child.wait(timeout=60):
            raise RuntimeError(f"the loader process left with {self._child.returncode}")
        self._child.stdout.close()

    def _ask(self, request: dict) -> dict:
        self._child.stdin.write(json.dumps(request) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the loader process died with {self._child.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise LoaderError(answer["error"], answer["code"])
        return answer


def _to_json(array: np.ndarray) -> dict:
    if array.dtype.kind not in "OSU":
        values = array.ravel().tolist()
        return {"dtype": array.dtype.name, "shape": list(array.shape), "values": values}
    strings = [s.encode() if isinstance(s, str) else s for s in array.ravel().tolist()]
    values = [base64.b64encode(s).decode("ascii") for s in strings]
    return {"dtype": "string", "shape": list(array.shape), "values": values}


def _from_json(value: dict) -> np.ndarray:
    if value["dtype"] == "string":
        items = np.empty(len(value["values"]), object)
        items[:] = [base64.b64decode(v) for v in value["values"]]
        return items.reshape(value["shape"])
    return np.asarray(value["values"], value["dtype"]).reshape(value["shape"])
