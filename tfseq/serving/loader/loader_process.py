"""SavedModels run in a child process that holds what a server holds, and no Python graph code."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tfseq.files.atomic_file import scratch_file


class LoaderError(Exception):
    """The C API's own error; `code` is its status code."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


class LoaderProcess:
    """A child process that loads SavedModels by the C API and runs their signatures.

    XLA is off in it, as in the server, and TF-Text's operations are loaded. Use it in a `with`
    statement, or call `close`. It ends with this process at the latest, however that ends.

    Example:
        >>> with LoaderProcess() as loader:
        ...     loader.load("nowhere")
        Traceback (most recent call last):
        tfseq.serving.loader.loader_process.LoaderError: Could not find SavedModel ...
    """

    def __init__(self):
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        self._chatter = scratch_file()
        self._child = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).parent),
                "--parent",
                str(os.getpid()),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._chatter,
            env=environment,
            text=True,
        )

    def __enter__(self) -> "LoaderProcess":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._child.pid

    def load(self, directory) -> dict:
        """Load a version directory; returns its signatures."""
        return self._ask({"load": str(directory)})["signatures"]

    def run(self, directory, signature: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """One request; strings come back as arrays of `bytes`."""
        tensors = {name: _to_json(np.asarray(value)) for name, value in inputs.items()}
        answer = self._ask({"model": str(directory), "signature": signature, "inputs": tensors})
        return {name: _from_json(value) for name, value in answer["outputs"].items()}

    def time(self, directory, signature: str, repeat: int, **inputs: np.ndarray) -> list[float]:
        """Seconds of each of `repeat` equal requests, spent in the C API."""
        tensors = {name: _to_json(np.asarray(value)) for name, value in inputs.items()}
        request = {"model": str(directory), "signature": signature, "inputs": tensors}
        return self._ask({**request, "repeat": repeat})["seconds"]

    def soak(self, directory, requests, num_threads: int, seconds: float) -> dict:
        """Run requests, pairs of signature and inputs, in many sessions at once.

        Returns:
            `count` of answers, `errors`, and `resident`: megabytes at every second.
        """
        requests = [
            {
                "signature": signature,
                "inputs": {name: _to_json(np.asarray(value)) for name, value in inputs.items()},
            }
            for signature, inputs in requests
        ]
        order = {"requests": requests, "num_threads": num_threads, "seconds": seconds}
        return self._ask({"model": str(directory), "soak": order})

    def close(self) -> None:
        """End the process. Raises RuntimeError if it ended badly."""
        self._child.stdin.close()
        self._child.stdout.close()
        if self._child.wait(timeout=60):
            raise RuntimeError(self._last_words())
        self._chatter.close()

    def _ask(self, request: dict) -> dict:
        self._child.stdin.write(json.dumps(request) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(self._last_words())
        answer = json.loads(line)
        if "error" in answer:
            raise LoaderError(answer["error"], answer["code"])
        return answer

    def _last_words(self) -> str:
        code = self._child.wait()
        self._chatter.seek(0)
        words = self._chatter.read().decode("utf-8", "replace")
        return f"The loader process ended with {code}.\n{words}"


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
