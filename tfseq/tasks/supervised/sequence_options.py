"""What a run of a classifier and of a tagger can be told alike."""

import dataclasses
from typing import Annotated, Literal

from tfseq.options.rules import PathText, PositiveInt, Probability, Rule, Size
from tfseq.tasks.supervised.supervised_options import SupervisedOptions

Share = Annotated[float, Rule("above 0 and less than 1", lambda v: 0 < v < 1)]


@dataclasses.dataclass(frozen=True)
class SequenceOptions(SupervisedOptions):
    """Options of the data, the vocabulary and the `TokenEncoder`."""

    data: PathText | None = None
    """The labelled examples; left out, a built-in task."""
    validation_fraction: Share = 0.1
    """Share of the examples that choose the best epoch."""
    test_fraction: Share = 0.1
    """Share of the examples that the figures are of."""
    min_frequency: PositiveInt = 1
    """Tokens that are rarer in the training examples become <unk>."""
    max_vocabulary: PositiveInt | None = None
    """Keep only this many tokens, <unk> included."""
    max_length: Size = 256
    """Tokens of an example that are read, from its beginning; also by the export."""

    cell: Literal["rnn", "gru", "lstm"] = "gru"
    """The recurrent cell."""
    units: Size = 64
    """Size of the hidden state of a layer in each direction."""
    num_layers: Size = 1
    """Layers in the stack."""
    dropout: Probability = 0.3
    """Into, between and out of the layers."""
    embedding_size: Size = 64
    """Columns of the embedding table."""
