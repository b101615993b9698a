"""What a run on labelled texts or sentences can be told."""

import dataclasses
from typing import Any

from tfseq.cells.table import CellName
from tfseq.options.rules import FreeOnResume, PathText, PositiveInt, Probability, Share, Size
from tfseq.options.training_options import TrainingOptions


@dataclasses.dataclass(frozen=True)
class LabelledOptions(TrainingOptions):
    """Options of the data, the vocabulary and the `TokenEncoder`."""

    data: FreeOnResume[PathText | None] = None
    """The labelled examples; left out, a built-in task."""
    validation_fraction: Share = 0.1
    """Share of the examples that choose the best epoch."""
    test_fraction: Share = 0.1
    """Share of the examples that the metrics are of."""
    min_frequency: PositiveInt = 1
    """Tokens that are rarer in the training examples become <unk>."""
    max_vocabulary: PositiveInt | None = None
    """Keep only this many tokens, <unk> included."""
    max_length: Size = 256
    """Tokens of an example that are read, from its beginning; also by the export."""

    cell: CellName = "gru"
    """The recurrent cell: rnn, gru, lstm, or module:Name, a function units -> cell of your own."""
    units: Size = 64
    """Size of the hidden state of a layer in each direction."""
    num_layers: Size = 1
    """Layers in the stack."""
    dropout: Probability = 0.3
    """Into, between and out of the layers."""
    embedding_size: Size = 64
    """Columns of the embedding table."""
    epochs: FreeOnResume[PositiveInt] = 20
    """Passes over the training examples, at most."""

    def encoder(self) -> dict[str, Any]:
        """The arguments of the model that is a `TokenEncoder` with an output layer."""
        names = ("cell", "units", "num_layers", "dropout", "embedding_size")
        return {name: getattr(self, name) for name in names}
