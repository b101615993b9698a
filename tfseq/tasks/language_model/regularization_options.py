"""Options that hold a language model back from learning its text by heart."""

import dataclasses

from tfseq.options.rules import Probability


@dataclasses.dataclass(frozen=True)
class RegularizationOptions:
    """What is dropped in training, and what is penalised."""

    weight_dropout: Probability = 0.0
    """Share of the recurrent weights that is zero during a window, drawn for each window
    (arXiv 1708.02182)."""
