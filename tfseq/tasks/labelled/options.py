"""Options of a run on labelled texts or sentences."""

import dataclasses
from typing import Any

from tfseq.cells.table import CellName
from tfseq.options.model.layer_sizes import LayerSizes
from tfseq.options.rules import FreeOnResume, PathText, PositiveInt, Probability, Share, Size
from tfseq.options.start_options import StartOptions
from tfseq.options.training_options import TrainingOptions


@dataclasses.dataclass(frozen=True)
class LabelledOptions(StartOptions, TrainingOptions):
    """Options of the data, the vocabulary and the `TokenEncoder`."""

    data: FreeOnResume[PathText | None] = None
    """A file of labelled examples; if omitted, a built-in task."""
    validation_fraction: Share = 0.1
    """Fraction of the examples for validation, which chooses the best epoch."""
    test_fraction: Share = 0.1
    """Fraction of the examples for the test, on which the metrics are computed."""
    max_train_examples: PositiveInt | None = None
    """Train on only this many examples, drawn at random from the training split; the other splits
    stay as they are. If omitted, on all."""
    min_frequency: PositiveInt = 1
    """Tokens with a lower count in the training split become <unk>."""
    max_vocabulary: PositiveInt | None = None
    """Size of the vocabulary at most, including <unk>; if omitted, no limit."""
    max_length: Size = 256
    """The most tokens that are read from the start of an example, also in the export."""

    cell: CellName = "gru"
    """The recurrent cell: rnn, gru, lstm, min_gru, min_lstm, rg_lru, layer_norm_lstm, mogrifier, or
    module:Name, your own function units -> cell."""
    units: LayerSizes = 64
    """Size of the hidden state of a layer in each direction; several numbers set one for each
    layer."""
    num_layers: Size = 1
    """Layers in the stack; left out where --units has several sizes."""
    dropout: Probability = 0.3
    """Dropout rate before, between and after the layers."""
    embedding_size: Size = 64
    """Size of the embedding."""
    epochs: FreeOnResume[PositiveInt] = 20
    """Passes over the training examples, at most."""

    def encoder(self) -> dict[str, Any]:
        """The arguments of the model that is a `TokenEncoder` with an output layer."""
        names = ("cell", "units", "num_layers", "dropout", "embedding_size", "recompute_steps")
        names += ("skip_connections", "residual", "feed_forward")
        return {name: getattr(self, name) for name in names} | {"dtype": self.precision}
