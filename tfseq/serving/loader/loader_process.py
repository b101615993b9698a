"""SavedModels run in a child process that holds what a server holds, and no Python graph code."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

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

    Args:
        python: the interpreter whose TensorFlow and TensorFlow Text are loaded, with NumPy beside
            them; None takes this one. An older one tells whether a server of its age would load a
            SavedModel.

    Example:
        >>> with LoaderProcess() as loader:
        ...     loader.load("nowhere")
        Traceback (most recent call last):
        tfseq.serving.loader.loader_process.LoaderError: Could not find SavedModel ...
    """

    def __init__(self, python: str | os.PathLike | None = None):
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        self._signatures = {}
        self._chatter = scratch_file()
        self._child = subprocess.Popen(
            [python or sys.executable, str(Path(__file__).parent), "--parent", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._chatter,
            env=environment,
        )

    def __enter__(self) -> "LoaderProcess":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._child.pid

    def load(self, directory: str | os.PathLike) -> dict[str, dict]:
        """Load a version directory; returns its signatures, see `described_signatures`."""
        self._ask("load", directory)
        # Here, for it loads TensorFlow's Python package.
        from tfseq.serving.saved_model_file import described_signatures, read_saved_model

        (meta_graph,) = read_saved_model(directory).meta_graphs
        self._signatures[str(directory)] = dict(meta_graph.signature_def)
        return described_signatures(meta_graph)

    def run(
        self, directory: str | os.PathLike, signature: str, **inputs: np.ndarray
    ) -> dict[str, np.ndarray]:
        """One request; strings come back as arrays of `bytes`."""
        values, _ = self._ask("run", directory, *self._ends(directory, signature, inputs), 1)
        outputs = self._signatures[str(directory)][signature].outputs
        return dict(zip(sorted(outputs), values, strict=True))

    def time(
        self, directory: str | os.PathLike, signature: str, repeat: int, **inputs: np.ndarray
    ) -> list[float]:
        """Seconds of each of `repeat` equal requests, spent in the C API."""
        return self._ask("run", directory, *self._ends(directory, signature, inputs), repeat)[1]

    def soak(
        self,
        directory: str | os.PathLike,
        requests: Iterable[tuple[str, Mapping]],
        num_threads: int,
        seconds: float,
    ) -> dict[str, Any]:
        """Run requests, pairs of signature and inputs, in many sessions at once; see `soak`."""
        requests = [self._ends(directory, signature, inputs) for signature, inputs in requests]
        return self._ask("soak", directory, requests, num_threads, seconds)

    def close(self) -> None:
        """End the process. Raises RuntimeError if it ended badly."""
        self._child.stdin.close()
        self._child.stdout.close()
        if self._child.wait(timeout=60):
            raise RuntimeError(self._last_words())
        self._chatter.close()

    def _ends(
        self, directory: str | os.PathLike, signature: str, inputs: Mapping[str, Any]
    ) -> tuple[dict[str, np.ndarray], list[str]]:
        """Tensors of the graph to feed, and the names of those to fetch, sorted by output."""
        known = self._signatures[str(directory)][signature]
        if set(inputs) != set(known.inputs):
            raise LoaderError(f"inputs {sorted(inputs)} are not {sorted(known.inputs)}", 3)
        feeds = {known.inputs[name].name: np.asarray(value) for name, value in inputs.items()}
        return feeds, [known.outputs[name].name for name in sorted(known.outputs)]

    def _ask(self, method: str, directory: str | os.PathLike, *arguments: Any) -> Any:
        try:
            pickle.dump((method, (str(directory), *arguments)), self._child.stdin)
            self._child.stdin.flush()
            answer, code = pickle.load(self._child.stdout)
        except (BrokenPipeError, EOFError, pickle.UnpicklingError):
            raise RuntimeError(self._last_words()) from None
        if code is not None:
            raise LoaderError(answer, code)
        return answer

    def _last_words(self) -> str:
        code = self._child.wait()
        self._chatter.seek(0)
        words = self._chatter.read().decode("utf-8", "replace")
        return f"The loader process ended with {code}.\n{words}"
