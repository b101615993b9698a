"""How well and how fast the file of a step predicts a text, one token after the other."""

import itertools
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.metrics.perplexity import perplexity


class LiteRTStep:
    """The signature `step` of a LiteRT file, its states carried along.

    Args:
        content: the file.
    """

    def __init__(self, content: bytes):
        self._interpreter = _interpreter(content)
        self._interpreter.allocate_tensors()
        signature = self._interpreter.get_signature_runner("step")
        inputs, outputs = signature.get_input_details(), signature.get_output_details()
        self._token_ids = inputs.pop("token_ids")["index"]
        self._logits = outputs.pop("logits")["index"]
        self._states = [(details, outputs[name]["index"]) for name, details in inputs.items()]
        self.seconds = 0.0
        self.reset()

    def reset(self) -> None:
        """Begin a text: all states are zero."""
        for details, _ in self._states:
            self._interpreter.set_tensor(details["index"], np.zeros(details["shape"], "float32"))

    def __call__(self, token_id: int) -> np.ndarray:
        """One token more: the logits of the next, float32 `[V]`."""
        self._interpreter.set_tensor(self._token_ids, np.array([token_id], "int32"))
        start = time.perf_counter()
        self._interpreter.invoke()
        self.seconds += time.perf_counter() - start
        states = [(i["index"], self._interpreter.get_tensor(o)) for i, o in self._states]
        for index, state in states:
            self._interpreter.set_tensor(index, state)
        return self._interpreter.get_tensor(self._logits)[0]


class ONNXStep:
    """An ONNX file, its states carried along.

    Args:
        content: the file.
    """

    def __init__(self, content: bytes):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(content, options)
        self._zeros = {
            node.name: np.zeros(node.shape, "float32")
            for node in self._session.get_inputs()
            if node.name != "token_ids"
        }
        self._outputs = ["logits", *(f"new_{name}" for name in self._zeros)]
        self.seconds = 0.0
        self.reset()

    def reset(self) -> None:
        """Begin a text: all states are zero."""
        self._states = self._zeros

    def __call__(self, token_id: int) -> np.ndarray:
        """One token more: the logits of the next, float32 `[V]`."""
        inputs = {"token_ids": np.array([token_id], "int32"), **self._states}
        start = time.perf_counter()
        logits, *states = self._session.run(self._outputs, inputs)
        self.seconds += time.perf_counter() - start
        self._states = dict(zip(self._zeros, states, strict=True))
        return logits[0]


@dataclass(frozen=True)
class Measured:
    """What the first tokens of a text say of a file.

    Attributes:
        num_tokens: tokens predicted.
        perplexity: of these tokens, the state carried from one to the next.
        microseconds: that a step took, on one thread of this machine.
    """

    num_tokens: int
    perplexity: float
    microseconds: float


def measure(step: LiteRTStep | ONNXStep, ids: np.ndarray, context: int | None = None) -> Measured:
    """Predict every id once, in order.

    Args:
        step: the opened file, at the start of a text.
        ids: integer `[N]`, at least 2 ids, or 1 with `context`.
        context: the id before the first. Without it the first id is read, not predicted.
    """
    ids = np.asarray(ids) if context is None else np.concatenate([[context], ids])
    total = 0.0
    for token_id, target in itertools.pairwise(ids):
        logits = step(token_id).astype("float64")
        largest = logits.max()
        total += largest + np.log(np.exp(logits - largest).sum()) - logits[target]
    count = len(ids) - 1
    return Measured(count, perplexity(total / count), 1e6 * step.seconds / count)


def _interpreter(content: bytes) -> Any:
    """An interpreter of one thread, of ai-edge-litert or else of TensorFlow."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        Interpreter = tf.lite.Interpreter
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*tf.lite.Interpreter is deprecated", UserWarning)
        return Interpreter(model_content=content, num_threads=1)
