"""What a study of gradients through time can be told."""

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
        "one to six different numbers above 0, at most 100, parted by commas",
        lambda v: 1 <= len(radii(v)) <= 6 and len(set(radii(v))) == len(radii(v)),
    ),
]
Steps = Annotated[int, Rule("an integer from 2 to 1000", lambda v: 2 <= v <= 1000)]
StudySize = Annotated[int, Rule("an integer from 1 to 1024", lambda v: 1 <= v <= 1024)]
Rows = Annotated[int, Rule("an integer from 1 to 256", lambda v: 1 <= v <= 256)]


@dataclasses.dataclass(frozen=True)
class GradientFlowOptions:
    """Show how far gradients reach back in time: the three cells side by side at the start and
    after training, vanishing and exploding by the spectral radius of W_hh, and clipping."""

    corpus: PathText = "python_docs"
    """The text: python_docs, time_machine, tiny_shakespeare, or a file, directory or glob."""
    max_tokens: PositiveInt = 100_000
    """Use only the first characters of it."""
    units: StudySize = 64
    """Size of the hidden state of a layer."""
    num_layers: Size = 1
    """Layers in the stack."""
    embedding_size: SizeOrZero = 0
    """Columns of the embedding table, or 0 for one-hot characters."""
    num_steps: Steps = 50
    """Characters in a window: how far back gradients are followed, and training reaches."""
    num_rows: Rows = 4
    """Windows over which norms are averaged."""
    norm: Literal["spectral", "frobenius"] = "spectral"
    """Norm of a product of Jacobians: its largest singular value, or the root of the sum of
    squares."""

    train_steps: CountOrZero = 300
    """Steps of Adam between start and after."""
    learning_rate: PositiveFloat = 0.004
    """Of these."""
    batch_size: Size = 32
    """Windows in a batch."""
    clip_norm: PositiveFloat = 0.5
    """Largest global norm of the gradient."""

    radii: Radii = "0.5,1,1.5,2,3"
    """Spectral radii that the simple RNN's W_hh is scaled to, parted by commas."""

    clip_steps: CountOrZero = 150
    """Steps of plain gradient descent with clipping, and as many without."""
    clip_learning_rate: PositiveFloat = 4.0
    """Of these."""
    clip_radius: PositiveFloat = 1.5
    """Spectral radius that W_hh has at their start."""

    seed: Seed = 0
    """Determines initial weights and windows."""
    result_dir: PathText | None = None
    """Where pictures and figures go; left out, runs/gradient_flow, numbered if that is taken."""
    config: PathText | None = None
    """A JSON file of options by name (num_steps, ...); options given here win over it."""
