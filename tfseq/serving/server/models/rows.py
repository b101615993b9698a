"""Rows of several requests as one batch, and its answer taken apart again."""

from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from tfseq.serving.server.faults import FaultError
from tfseq.serving.wire.signature import Signature

# An output of this name says how many entries of a row count, in outputs whose second axis is as
# long as the longest row of the batch.
_COUNT = "num_tokens"


@dataclass(frozen=True)
class Rows:
    """The inputs of a request, the batch first."""

    inputs: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def split(self, most: int) -> list["Rows"]:
        """The same in parts of at most so many rows; at least one part."""
        starts = range(0, max(len(self), 1), most)
        return [Rows({k: v[at : at + most] for k, v in self.inputs.items()}) for at in starts]


def key_of(signature: Signature, inputs: dict[str, np.ndarray]) -> tuple:
    """Requests of one signature with equal keys may stand in one batch.

    Rows of different lengths may where an input `num_…` says how much of each is read: the rest is
    padding. Else another length is another answer, and they stay apart; and so do rows that are to
    be read beyond their end, where padding would be read.
    """
    counts = [
        inputs[name]
        for name, info in signature.inputs.items()
        if name.startswith("num_") and info.shape == (-1,)
    ]
    ends = [array.shape[1] for array in inputs.values() if array.ndim > 1]
    if counts and all(((count >= 0) & (count <= min(ends, default=0))).all() for count in counts):
        return ()
    return tuple(inputs[name].shape[1:] for name in sorted(inputs))


def put_together(signature: Signature, parts: list[Rows]) -> Rows:
    """One batch of the rows of several requests, padded to the longest."""
    if len(parts) == 1:
        return parts[0]
    return Rows({name: _stack([part.inputs[name] for part in parts]) for name in signature.inputs})


def take_apart(
    signature: Signature, outputs: dict[str, np.ndarray], together: Rows, parts: list[Rows]
) -> list[dict[str, np.ndarray]]:
    """The answers of the requests that a batch was put together from.

    Raises FaultError where outputs have not a row for each of the inputs'.
    """
    for name, value in outputs.items():
        if value.ndim == 0 or len(value) != len(together):
            raise FaultError(
                "FAILED_PRECONDITION", f"Output {name} has not {len(together)} rows, as the inputs."
            )
    if len(parts) == 1:
        return [outputs]
    ends = accumulate(map(len, parts), initial=0)
    return [
        _cut(signature, {k: v[start:end] for k, v in outputs.items()}, outputs, together, part)
        for (start, end), part in zip(pairwise(ends), parts, strict=True)
    ]


def join(answers: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The answer of a request that was split."""
    if len(answers) == 1:
        return answers[0]
    return {name: _stack([answer[name] for answer in answers]) for name in answers[0]}


def _cut(
    signature: Signature,
    answer: dict[str, np.ndarray],
    whole: dict[str, np.ndarray],
    together: Rows,
    part: Rows,
) -> dict[str, np.ndarray]:
    """An answer without the columns that only its company needed."""
    lengths = {
        batch.shape[1]: part.inputs[name].shape[1]
        for name, batch in together.inputs.items()
        if batch.ndim > 1
    }
    # A model may read less of a row than its end, and no row is longer than it was.
    most = min(lengths.values(), default=None) if _COUNT in together.inputs else None
    if _COUNT in answer and _COUNT not in together.inputs and len(part):
        lengths.setdefault(int(whole[_COUNT].max()), int(answer[_COUNT].max()))
    varying = {name for name, info in signature.outputs.items() if info.shape[1:2] == (-1,)}
    return {
        name: value[:, : lengths.get(value.shape[1], most)] if name in varying else value
        for name, value in answer.items()
    }


def _stack(arrays: list[np.ndarray]) -> np.ndarray:
    """Arrays one below the other; on the right they are filled up with zeros or empty strings."""
    shape = np.max([array.shape[1:] for array in arrays], axis=0).astype(int)
    if all(array.shape[1:] == tuple(shape) for array in arrays):
        return np.concatenate(arrays)
    strings = arrays[0].dtype == object
    stacked = np.full([sum(map(len, arrays)), *shape], b"" if strings else 0, arrays[0].dtype)
    start = 0
    for array in arrays:
        inner = tuple(map(slice, array.shape[1:]))
        stacked[(slice(start, start + len(array)), *inner)] = array
        start += len(array)
    return stacked
