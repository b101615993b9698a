"""Options that hold a language model back from learning its text by heart."""

import dataclasses
from typing import Any, Literal

from tfseq.options.rules import NonNegativeFloat, Probability

DropoutMask = Literal["step", "window"]
# What the model itself is given.
_OF_MODEL = (
    *("dropout_mask", "input_dropout", "layer_dropout", "output_dropout"),
    *("embedding_dropout", "weight_dropout", "recurrent_dropout", "zoneout"),
)
#: What is added to the loss that is learned from, and not to the one that is reported.
PENALTIES = ("activation_regularization", "temporal_activation_regularization", "label_smoothing")


@dataclasses.dataclass(frozen=True)
class RegularizationOptions:
    """What is dropped in training, and what is penalised."""

    dropout_mask: DropoutMask = "step"
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
    """Share of the recurrent weights that are zero during a window, drawn for each window
    (arXiv 1708.02182)."""
    recurrent_dropout: Probability = 0.0
    """Share of the state that is zero where it multiplies the recurrent weights, drawn for each row
    of a window (arXiv 1512.05287). For the cells with a recurrent matrix."""
    zoneout: Probability = 0.0
    """Probability that a component of the state stays as it was, drawn for each step
    (arXiv 1606.01305)."""
    activation_regularization: NonNegativeFloat = 0.0
    """Add this times the mean square of the last layer's outputs after dropout to the loss that is
    learned from, but not to the perplexity that is reported (AR, arXiv 1708.01009)."""
    temporal_activation_regularization: NonNegativeFloat = 0.0
    """The same for the change of these outputs from one step to the next, before dropout (TAR,
    arXiv 1708.01009)."""
    label_smoothing: Probability = 0.0
    """Share of a target's probability that is spread over all symbols in the loss that is learned
    from, but not in the one that is reported (arXiv 1512.00567)."""

    def model_regularization(self) -> dict[str, Any]:
        """The arguments of `LanguageModel` among them."""
        return {name: getattr(self, name) for name in _OF_MODEL}
