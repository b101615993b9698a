"""What a training run on labelled batches can be told, whatever the model."""

import dataclasses
from typing import Literal

from tfseq.options.rules import (
    CountOrZero,
    Fraction,
    NonNegativeFloat,
    PathText,
    PositiveFloat,
    PositiveInt,
    Seed,
    Size,
)


@dataclasses.dataclass(frozen=True)
class SupervisedOptions:
    """Options of training; a task adds those of its data and model in a subclass.

    >>> @dataclasses.dataclass(frozen=True)
    ... class MyOptions(SupervisedOptions):
    ...     units: Size = 8
    >>> MyOptions(epochs=3).learning_rate
    0.002
    """

    batch_size: Size = 32
    """Examples in a batch."""
    epochs: PositiveInt = 10
    """Passes over the training examples, at most."""
    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    """The optimizer, as Keras has it."""
    learning_rate: PositiveFloat = 0.002
    """At the start."""
    learning_rate_decay: Fraction = 0.9
    """The learning rate is multiplied by this once an epoch, a little at each step."""
    weight_decay: NonNegativeFloat = 0.01
    """Of adamw."""
    clip_norm: PositiveFloat | None = 1.0
    """Largest global norm of the gradient."""
    patience: CountOrZero = 3
    """Stop after this many epochs without a better validation loss; 0 never stops."""
    seed: Seed = 0
    """Determines initial weights, dropout, and the order and split of the examples."""

    run_dir: PathText | None = None
    """Where the run is kept; left out, a new directory below runs/."""
    resume: bool = False
    """Go on with the run in --run-dir from its last checkpoint."""
    checkpoint_seconds: NonNegativeFloat = 15.0
    """Training time between checkpoints; 0 writes one after every step."""
    export_dir: PathText = "exported"
    """The SavedModel goes to EXPORT_DIR/NAME/VERSION, NAME being the run directory's."""
    export: bool = True
    """Export the model at the end."""
    report: bool = False
    """Write report.html into the run directory at the end: one file to read or to send."""
    verbose: Literal["auto", "bar", "epoch", "quiet"] = "auto"
    """Progress: a bar on a terminal, else a line an epoch."""
    config: PathText | None = None
    """A JSON file of options by name (batch_size, ...); options given here win over it."""


#: These do not touch the weights, or say only how far to go.
FREE_ON_RESUME = frozenset(
    {
        "epochs",
        "patience",
        "run_dir",
        "resume",
        "checkpoint_seconds",
        "export_dir",
        "export",
        "verbose",
        "config",
        "report",
    }
)
