"""Options that hold a language model back from learning its text by heart."""

import dataclasses
from typing import Any, Literal

from tfseq.options.rules import Probability

# What the model itself is given.
_OF_MODEL = (
    *("dropout_mask", "input_dropout", "layer_dropout", "output_dropout"),
    *("embedding_dropout", "weight_dropout"),
)


@dataclasses.dataclass(frozen=True)
class RegularizationOptions:
    """What is dropped in training, and what is penalised."""

    dropout_mask: Literal["step", "window"] = "step"
    """step: dropout draws a mask for each step; window: one for all steps of a row of a window
    (variational dropout, arXiv 1512.05287)."""
    input_dropout: Probability | None = None
    """Dropout rate before the first layer; if omitted, that of --dropout."""
    layer_dropout: Probability | None = None
    """Dropout rate between the layers; if omitted, that of --dropout."""
    output_dropout: Probability | None = None
    """Dropout rate after the last layer; if omitted, that of --dropout."""
    embedding_dropout: Probability = 0.0
    """Share of the symbols that are zero wherever they occur in a window, drawn for each window
    (arXiv 1512.05287)."""
    weight_dropout: Probability = 0.0
    """Share of the recurrent weights that is zero during a window, drawn for each window
    (arXiv 1708.02182)."""

    def model_regularization(self) -> dict[str, Any]:
        """The arguments of `LanguageModel` among them."""
        return {name: getattr(self, name) for name in _OF_MODEL}
