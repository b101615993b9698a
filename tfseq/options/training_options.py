"""Options that every training run has, whatever it trains."""

import dataclasses
from collections.abc import Collection
from typing import Annotated, Any, ClassVar, Literal

from tfseq.options.model.connections import FeedForward, SkipConnections
from tfseq.options.optimizers import OptimizerName
from tfseq.options.rules import (
    CountOrZero,
    Fraction,
    FreeOnResume,
    NonNegativeFloat,
    PathText,
    PositiveFloat,
    PositiveInt,
    Probability,
    Seed,
    Size,
    from_to,
)

Precision = Literal["float32", "mixed_bfloat16"]
Schedule = Literal["exponential", "cosine", "one_cycle", "constant"]
Averaging = Literal["none", "ema", "triggered", "two_tailed"]
Part = Annotated[float, from_to(0, 1, "a number")]


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
    #: `patience`, if omitted.
    usual_patience: ClassVar[int] = 3

    batch_size: Size = 32
    """Examples in a batch."""
    epochs: FreeOnResume[PositiveInt] = 10
    """Passes over the training examples, at most."""
    optimizer: OptimizerName = "adamw"
    """The optimizer: sgd, adam, adamw, nadam, lion (arXiv 2302.06675; it needs about a tenth of
    the learning rate), rmsprop, or module:Name, a function learning_rate -> optimizer of your
    own."""
    momentum: Probability = 0.0
    """Momentum of sgd or rmsprop."""
    learning_rate: PositiveFloat = 0.002
    """Learning rate at the start, or at the end of the warm-up."""
    learning_rate_decay: Fraction = 0.9
    """Factor of the learning rate per epoch, applied gradually at each step, with the exponential
    schedule."""
    schedule: Schedule = "exponential"
    """How the learning rate changes: exponential, by --learning-rate-decay; cosine, along half
    a cosine to the end of the run (arXiv 1608.03983); one_cycle, up to its peak and down again
    (arXiv 1708.07120); or constant. Where cosine or one_cycle ends, the run ends: a resumed run
    cannot change its epochs."""
    warmup: NonNegativeFloat | None = None
    """Epochs, or part of one, in which the learning rate rises from zero; if omitted, 0, or 0.3 of
    the run with one_cycle, which rises from 1/25 of its peak."""
    final_rate: Part = 0.01
    """Learning rate at the end of cosine and one_cycle, as a fraction of its peak."""
    weight_decay: NonNegativeFloat | None = None
    """Decoupled weight decay (arXiv 1711.05101): before each update, this times the learning rate
    is the part that every weight loses; if omitted, 0.01 with adamw, 0 with the others."""
    decay_biases: bool = True
    """Let weight decay take biases and gains too, not the matrices and tables alone."""
    clip_norm: PositiveFloat | None = 1.0
    """Clip gradients to this global norm, or never with None."""
    accumulate: PositiveInt = 1
    """Batches for each update: the gradient is the mean over all their targets, as for one batch
    that many times as large. The last update of an epoch takes the batches that are left."""
    averaging: Averaging = "none"
    """Which weights are validated, kept and exported: none, those of the last update; ema, an
    exponential average; triggered, the average from when validation stalls (NT-ASGD, arXiv
    1708.02182; it is meant for sgd at a constant rate); two_tailed, the average over as many
    updates as validation finds best (arXiv 2209.12581)."""
    ema_decay: Probability = 0.999
    """Decay of ema for each update; at first it is less, so that a short run is averaged too."""
    averaging_interval: PositiveInt = 5
    """With triggered, averaging begins when the validation loss is worse than one that is at least
    this many epochs old."""
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
    patience: FreeOnResume[CountOrZero | None] = None
    """Stop after this many epochs without a better validation loss; 0 turns early stopping off. If
    omitted, 3, or 0 with cosine and one_cycle: the loss may stand still while the rate is high, and
    falls at the end."""
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

    def spreads_over_run(self) -> bool:
        """Whether the learning rate at a step depends on the length of the run."""
        return self.schedule in ("cosine", "one_cycle")

    def warmup_epochs(self) -> float:
        """`warmup`, filled in.

        >>> TrainingOptions(schedule="one_cycle", epochs=10).warmup_epochs()
        3.0
        """
        if self.warmup is None:
            return 0.3 * self.epochs if self.schedule == "one_cycle" else 0.0
        return self.warmup

    def weight_decay_rate(self) -> float:
        """`weight_decay`, filled in."""
        if self.weight_decay is None:
            return 0.01 if self.optimizer == "adamw" else 0.0
        return self.weight_decay

    def patience_epochs(self) -> int:
        """`patience`, filled in.

        >>> [TrainingOptions(schedule=s).patience_epochs() for s in ("constant", "cosine")]
        [3, 0]
        """
        if self.patience is None:
            return 0 if self.spreads_over_run() else self.usual_patience
        return self.patience

    @classmethod
    def completed(cls, saved: dict[str, Any]) -> dict[str, Any]:
        """What a run's `config.json` holds, with what an earlier version did not write."""
        return saved

    def names_of_data(self) -> Collection[str]:
        """Names that may stand in place of a path."""
        return ()
