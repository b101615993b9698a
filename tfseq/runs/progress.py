"""Where a training run stands."""

import dataclasses
from typing import Any


@dataclasses.dataclass
class Progress:
    """Where a run stands, besides its arrays: all of it JSON, all of it in every checkpoint.

    `loss_sum` and `num_targets` are of the epoch at hand: the sum of the losses, and the number of
    targets that it is over. So are `norm_sum` and `norm_max`, of the gradients' norms before
    clipping.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    num_targets: int = 0
    norm_sum: float = 0.0
    norm_max: float = 0.0
    seconds: float = 0.0
    best_loss: float | None = None
    best_epoch: int | None = None
    epochs_without_improvement: int = 0
    stopped_early: bool = False
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    samples: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def sample_of(self, epoch: int) -> str:
        """The sample of an epoch, set off from the lines around it; empty where there is none."""
        texts = [sample["text"] for sample in self.samples if sample["epoch"] == epoch]
        return "".join(f"\n    {line}" for text in texts for line in text.split("\n"))
