"""Options that every training run has, whatever it trains."""

import dataclasses
from collections.abc import Collection
from typing import ClassVar, Literal

from tfseq.options.connections import FeedForward, SkipConnections
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

Precision = Literal["float32", "mixed_bfloat16"]


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """Options of training; a task adds those of its data and model in a subclass.

    A field that is free on resume does not affect the weights, or only sets how long to train. A
    subclass may change its default; it stays free.

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
    """Learning rate at the start."""
    learning_rate_decay: Fraction = 0.9
    """Factor of the learning rate per epoch, applied gradually at each step."""
    weight_decay: NonNegativeFloat = 0.01
    """Weight decay of adamw; no other optimizer takes it."""
    clip_norm: PositiveFloat | None = 1.0
    """Clip gradients to this global norm."""
    recompute_steps: PositiveInt | None = None
    """Keep only the states of every so many time steps, and run the steps between them again for
    the gradient. Training on long windows then needs less memory and more time. The square root of
    the number of steps needs the least; if omitted, everything is kept."""
    skip_connections: SkipConnections = "none"
    """Connections past the layers (Graves, 2013, arXiv 1308.0850): inputs, from the input to every
    layer; outputs, from every layer to the output; both; or none."""
    residual: bool = False
    """Let each layer add to what it reads, after RMSNorm, as in Griffin (arXiv 2402.19427) and
    minGRU (arXiv 2410.01201). What is added is as wide as the last layer."""
    feed_forward: FeedForward = 0.0
    """With --residual: how many times wider the feed-forward block behind each layer is; 3 in
    Griffin, 0: no such block."""
    patience: FreeOnResume[CountOrZero] = 3
    """Stop after this many epochs without a better validation loss; 0 turns early stopping off."""
    precision: Precision = "float32"
    """Precision of the model: float32, or mixed_bfloat16, which keeps weights in 32 bits and
    multiplies in 16. Where that is no faster, a note says so when the run starts."""
    seed: Seed = 0
    """Seed of initial weights, dropout, and the order and split of the examples."""

    run_dir: FreeOnResume[PathText | None] = None
    """The run directory; if omitted, a new directory in runs/."""
    resume: FreeOnResume[bool] = False
    """Resume the run in --run-dir from its last checkpoint."""
    checkpoint_seconds: FreeOnResume[NonNegativeFloat] = 15.0
    """Training time between checkpoints; 0 writes one after every step."""
    export_dir: FreeOnResume[PathText] = "exported"
    """The SavedModel goes to EXPORT_DIR/NAME/VERSION; NAME is the name of the run directory."""
    export: FreeOnResume[bool] = True
    """Export the model at the end."""
    report: FreeOnResume[bool] = False
    """Write report.html, a single self-contained file, into the run directory at the end."""
    verbose: FreeOnResume[Literal["auto", "bar", "epoch", "quiet"]] = "auto"
    """Progress output; auto shows a bar on a terminal, and otherwise a line per epoch."""
    config: FreeOnResume[PathText | None] = None
    """A JSON file with options by name (batch_size, ...); the command line wins over the file."""

    def names_of_data(self) -> Collection[str]:
        """Names that may stand in place of a path."""
        return ()
