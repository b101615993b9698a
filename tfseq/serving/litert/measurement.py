"""How well and how fast a LiteRT file predicts a text, one token after the other."""

import itertools
import time
from dataclasses import dataclass

import numpy as np

from tfseq.metrics.perplexity import perplexity
from tfseq.serving.litert.conversion import open_interpreter


class StepInterpreter:
    """The signature `step` of a LiteRT file, its states carried along.

    Args:
        content: the file.
    """

    def __init__(self, content: bytes):
        self._interpreter = open_interpreter(content)
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


@dataclass(frozen=True)
class Measured:
    """What the first tokens of a text say of a LiteRT file.

    Attributes:
        num_tokens: tokens predicted.
        perplexity: of these tokens, the state carried from one to the next.
        microseconds: that a step took, on one thread of this machine.
    """

    num_tokens: int
    perplexity: float
    microseconds: float


def measure(content: bytes, ids: np.ndarray, context: int | None = None) -> Measured:
    """Predict every id once, in order.

    Args:
        content: a LiteRT file.
        ids: integer `[N]`, at least 2 ids, or 1 with `context`.
        context: the id before the first. Without it the first id is read, not predicted.
    """
    ids = np.asarray(ids) if context is None else np.concatenate([[context], ids])
    step, total = StepInterpreter(content), 0.0
    for token_id, target in itertools.pairwise(ids):
        logits = step(token_id).astype("float64")
        largest = logits.max()
        total += largest + np.log(np.exp(logits - largest).sum()) - logits[target]
    count = len(ids) - 1
    return Measured(count, perplexity(total / count), 1e6 * step.seconds / count)
