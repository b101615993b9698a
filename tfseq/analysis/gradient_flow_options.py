"""Options of the study of gradients through time."""

import dataclasses
from typing import Annotated, Literal

from tfseq.options.rules import (
    CountOrZero,
    PathText,
    PositiveFloat,
    PositiveInt,
    Rule,
    Seed,
    Size,
    SizeOrZero,
    from_to,
)


def radii(text: str) -> list[float]:
    """The numbers of a list such as `0.5,1,2`; empty where it is none.

    >>> radii("0.5,1, 2"), radii("0.5,a"), radii("-1")
    ([0.5, 1.0, 2.0], [], [])
    """
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        return []
    return values if all(0 < v <= 100 for v in values) else []


Radii = Annotated[
    str,
    Rule(
        "one to six different numbers above 0, at most 100, separated by commas",
        lambda v: 1 <= len(radii(v)) <= 6 and len(set(radii(v))) == len(radii(v)),
    ),
]


@dataclasses.dataclass(frozen=True)
class GradientFlowOptions:
    """Measure how far gradients reach back in time: in the three cells before and after training,
    by the spectral radius of W_hh, and with and without clipping."""

    corpus: PathText = "python_docs"
    """The text: python_docs, time_machine, tiny_shakespeare, or a file, directory or glob."""
    max_tokens: PositiveInt = 100_000
    """Use only this many characters from the start of the text."""
    units: Annotated[int, from_to(1, 1024)] = 64
    """Size of the hidden state of a layer."""
    num_layers: Size = 1
    """Layers in the stack."""
    embedding_size: SizeOrZero = 0
    """Size of the embedding, or 0 for one-hot characters."""
    num_steps: Annotated[int, from_to(2, 1000)] = 50
    """Characters in a window; gradients are followed back to its start."""
    num_rows: Annotated[int, from_to(1, 256)] = 4
    """How many windows to average the norms over."""
    norm: Literal["spectral", "frobenius"] = "spectral"
    """Norm of a product of Jacobians: spectral is its largest singular value, frobenius the square
    root of the sum of squares."""

    train_steps: CountOrZero = 300
    """Training steps with Adam between the two measurements."""
    learning_rate: PositiveFloat = 0.004
    """Learning rate of Adam."""
    batch_size: Size = 32
    """Windows in a batch."""
    clip_norm: PositiveFloat = 0.5
    """Clip gradients to this global norm."""

    radii: Radii = "0.5,1,1.5,2,3"
    """Spectral radii to scale the simple RNN's W_hh to, separated by commas."""

    clip_steps: CountOrZero = 150
    """Steps of plain gradient descent, once with clipping and once without."""
    clip_learning_rate: PositiveFloat = 4.0
    """Learning rate of gradient descent."""
    clip_radius: PositiveFloat = 1.5
    """Spectral radius of W_hh at the start of gradient descent."""

    seed: Seed = 0
    """Seed of initial weights and windows."""
    result_dir: PathText | None = None
    """Directory for plots and numbers; if omitted, runs/gradient_flow, numbered if it exists."""
    config: PathText | None = None
    """A JSON file with options by name (num_steps, ...); the command line wins over the file."""
