"""What a training run of a language model can be told."""

import dataclasses
from collections.abc import Collection
from typing import ClassVar, Literal

from tfseq.cells.table import CellName
from tfseq.errors import InputError
from tfseq.options.optimizers import OptimizerName
from tfseq.options.rules import (
    CountOrZero,
    Fraction,
    FreeOnResume,
    PathText,
    PositiveFloat,
    PositiveInt,
    Probability,
    Prompt,
    Size,
    SizeOrZero,
    Temperature,
)
from tfseq.options.training_options import TrainingOptions
from tfseq.text.tokenizers.table import TokenizerName


@dataclasses.dataclass(frozen=True)
class LanguageModelOptions(TrainingOptions):
    """Train a recurrent language model on a text; write its perplexity, samples and an export."""

    task: ClassVar[str] = "language_model"

    corpus: FreeOnResume[PathText] = "python_docs"
    """The text: python_docs, time_machine, tiny_shakespeare, or a file, directory or glob
    (.gz and .jsonl too)."""
    text_field: FreeOnResume[str] = "text"
    """Field of a .jsonl record that holds the text."""
    encoding_errors: FreeOnResume[Literal["strict", "replace"]] = "strict"
    """A byte that is not UTF-8 is an error, or becomes U+FFFD."""
    tokenizer: TokenizerName = "char"
    """What a token is: char, word, or module:Name, a tokenizer of your own."""
    normalization: Literal["none", "nfkc", "letters"] = "none"
    """Done to the text first; letters keeps a-z and single spaces."""
    case_fold: bool = False
    """Make upper and lower case the same."""
    min_frequency: PositiveInt = 1
    """Rarer tokens become <unk>."""
    max_vocabulary: PositiveInt | None = None
    """Keep only this many tokens, <unk> included."""
    max_tokens: PositiveInt | None = None
    """Use only the first tokens of the corpus."""
    validation_fraction: Probability = 0.1
    """The last part of the corpus, held out."""

    cell: CellName = "gru"
    """The recurrent cell: rnn, gru, lstm, or module:Name, a function units -> cell of your own."""
    units: Size = 256
    """Size of the hidden state of a layer."""
    num_layers: Size = 1
    """Layers in the stack."""
    dropout: Probability | None = None
    """Into, between and out of the layers; left out, 0.15, or 0 with sgd."""
    embedding_size: SizeOrZero | None = None
    """Columns of the embedding table, or 0 for one-hot tokens; left out, 64, or 0 with sgd."""
    tie_embeddings: bool = False
    """Use the embedding table as the output layer too; its size is then that of the units."""

    sampling: Literal["random", "sequential"] = "sequential"
    """Windows in random order with a zero state, or in the text's order with the state carried."""
    num_steps: Size = 35
    """Tokens in a window: how far gradients reach back."""
    epochs: FreeOnResume[PositiveInt] = 16
    """Passes over the training split."""
    optimizer: OptimizerName = "adam"
    """The optimizer: sgd, adam, adamw, or module:Name, a function learning_rate -> optimizer of
    your own."""
    learning_rate: PositiveFloat | None = None
    """At the start; left out, 0.004, or 1 with sgd."""
    learning_rate_decay: Fraction | None = None
    """The learning rate is multiplied by this once an epoch, a little at each step; left out,
    0.83, or 1 with sgd."""

    sample_epochs: FreeOnResume[CountOrZero] = 3
    """Epochs between samples of text; 0 never samples."""
    sample_prompt: FreeOnResume[Prompt | None] = None
    """What the samples begin with; left out, a line break, so that a new line begins."""
    sample_temperature: FreeOnResume[Temperature] = 0.6
    """Of the samples: low is careful, high is daring."""
    baseline: FreeOnResume[bool] = True
    """Count n-grams too, and print their perplexity beside the model's; a few seconds."""

    def with_defaults_filled(self) -> "LanguageModelOptions":
        """Options that were left out, and whose default depends on others, filled in.

        Raises:
            InputError: options that do not go together.

        >>> LanguageModelOptions(optimizer="sgd").with_defaults_filled().learning_rate
        1.0
        """
        usual = dict(TEXTBOOK_DEFAULTS if self.optimizer == "sgd" else ADAPTIVE_DEFAULTS)
        usual["sample_prompt"] = "\n"
        if self.tie_embeddings:
            usual["embedding_size"] = self.units
        missing = {name: value for name, value in usual.items() if getattr(self, name) is None}
        filled = dataclasses.replace(self, **missing)
        if filled.tie_embeddings and filled.embedding_size != filled.units:
            raise InputError(
                "`tie_embeddings` needs `embedding_size` equal to `units`. Received: "
                f"`embedding_size` {filled.embedding_size}, `units` {filled.units}."
            )
        return filled

    def names_of_data(self) -> Collection[str]:
        """The corpora by name, which stand in place of a path."""
        from tfseq.text import CORPUS_NAMES

        return CORPUS_NAMES


# Plain gradient descent is the textbook's recipe, and goes with the rest of it.
TEXTBOOK_DEFAULTS = {
    "dropout": 0.0,
    "embedding_size": 0,
    "learning_rate": 1.0,
    "learning_rate_decay": 1.0,
}
ADAPTIVE_DEFAULTS = {
    "dropout": 0.15,
    "embedding_size": 64,
    "learning_rate": 0.004,
    "learning_rate_decay": 0.83,
}
