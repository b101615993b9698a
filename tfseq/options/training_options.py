"""What every training run can be told, whatever it trains."""

import dataclasses
from collections.abc import Collection
from typing import ClassVar, Literal

from tfseq.options.optimizers import OptimizerName
from tfseq.options.rules import (
    CountOrZero,
    Fraction,
    FreeOnResume,
    NonNegativeFloat,
    PathText,
    PositiveFloat,
    PositiveInt,
    Seed,
    Size,
)


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """Options of training; a task adds those of its data and model in a subclass.

    What is free on resume does not touch the weights, or says only how far to go. It stays so in a
    subclass that declares the field anew.

    >>> @dataclasses.dataclass(frozen=True)
    ... class MyOptions(TrainingOptions):
    ...     units: Size = 8
    >>> MyOptions(epochs=3).learning_rate
    0.002
    """

    #: The name of the task, as `config.json` has it.
    task: ClassVar[str] = ""

    batch_size: Size = 32
    """Examples in a batch."""
    epochs: FreeOnResume[PositiveInt] = 10
    """Passes over the training examples, at most."""
    optimizer: OptimizerName = "adamw"
    """The optimizer: sgd, adam, adamw, or module:Name, a function learning_rate -> optimizer of
    your own."""
    learning_rate: PositiveFloat = 0.002
    """At the start."""
    learning_rate_decay: Fraction = 0.9
    """The learning rate is multiplied by this once an epoch, a little at each step."""
    weight_decay: NonNegativeFloat = 0.01
    """Of adamw."""
    clip_norm: PositiveFloat | None = 1.0
    """Largest global norm of the gradient."""
    patience: FreeOnResume[CountOrZero] = 3
    """Stop after this many epochs without a better validation loss; 0 never stops."""
    seed: Seed = 0
    """Determines initial weights, dropout, and the order and split of the examples."""

    run_dir: FreeOnResume[PathText | None] = None
    """Where the run is kept; left out, a new directory below runs/."""
    resume: FreeOnResume[bool] = False
    """Go on with the run in --run-dir from its last checkpoint."""
    checkpoint_seconds: FreeOnResume[NonNegativeFloat] = 15.0
    """Training time between checkpoints; 0 writes one after every step."""
    export_dir: FreeOnResume[PathText] = "exported"
    """The SavedModel goes to EXPORT_DIR/NAME/VERSION, NAME being the run directory's."""
    export: FreeOnResume[bool] = True
    """Export the model at the end."""
    report: FreeOnResume[bool] = False
    """Write report.html into the run directory at the end: one file to read or to send."""
    verbose: FreeOnResume[Literal["auto", "bar", "epoch", "quiet"]] = "auto"
    """Progress: a bar on a terminal, else a line an epoch."""
    config: FreeOnResume[PathText | None] = None
    """A JSON file of options by name (batch_size, ...); options given here win over it."""

    def names_of_data(self) -> Collection[str]:
        """Names that may stand in place of a path."""
        return ()
