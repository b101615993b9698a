"""Options of a language model's training run."""

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
    """Train a recurrent language model on a text, print its perplexity, generate samples, and
    export the model."""

    task: ClassVar[str] = "language_model"

    corpus: FreeOnResume[PathText] = "python_docs"
    """The text: python_docs, time_machine, tiny_shakespeare, or a file, directory or glob
    (.gz and .jsonl too)."""
    text_field: FreeOnResume[str] = "text"
    """The field of a .jsonl record that holds the text."""
    encoding_errors: FreeOnResume[Literal["strict", "replace"]] = "strict"
    """strict: a byte that is not UTF-8 is an error; replace: it becomes U+FFFD."""
    tokenizer: TokenizerName = "char"
    """What a token is: char, word, or module:Name, your own tokenizer."""
    normalization: Literal["none", "nfkc", "letters"] = "none"
    """Normalization before the tokenizer; letters keeps only a-z and single spaces."""
    case_fold: bool = False
    """Fold case: treat upper and lower case as the same."""
    min_frequency: PositiveInt = 1
    """Tokens with a lower count in the training split become <unk>."""
    max_vocabulary: PositiveInt | None = None
    """Size of the vocabulary at most, including <unk>; if omitted, no limit."""
    max_tokens: PositiveInt | None = None
    """Use only this many tokens from the start of the corpus; if omitted, all."""
    validation_fraction: Probability = 0.1
    """Fraction of the corpus, at its end, that is the validation split."""

    cell: CellName = "gru"
    """The recurrent cell: rnn, gru, lstm, min_gru, min_lstm, rg_lru, layer_norm_lstm, mogrifier, or
    module:Name, your own function units -> cell."""
    units: Size = 256
    """Size of the hidden state of a layer."""
    num_layers: Size = 1
    """Layers in the stack."""
    dropout: Probability | None = None
    """Dropout rate before, between and after the layers; if omitted, 0.15, or 0 with sgd."""
    embedding_size: SizeOrZero | None = None
    """Size of the embedding, or 0 for one-hot tokens; if omitted, 64, or 0 with sgd."""
    tie_embeddings: bool = False
    """Use the embedding as the output layer too; its size is then that of the units."""

    sampling: Literal["random", "sequential"] = "sequential"
    """random: windows in random order, each from a zero state; sequential: windows in text order,
    with the state carried along."""
    num_steps: Size = 35
    """Tokens in a window: how far gradients reach back."""
    epochs: FreeOnResume[PositiveInt] = 16
    """Passes over the training split."""
    optimizer: OptimizerName = "adam"
    """The optimizer: sgd, adam, adamw, or module:Name, your own function
    learning_rate -> optimizer."""
    learning_rate: PositiveFloat | None = None
    """Learning rate at the start; if omitted, 0.004, or 1 with sgd."""
    learning_rate_decay: Fraction | None = None
    """Factor of the learning rate per epoch, applied gradually at each step; if omitted, 0.83, or 1
    with sgd."""

    sample_epochs: FreeOnResume[CountOrZero] = 3
    """Epochs between samples of text; 0 turns samples off."""
    sample_prompt: FreeOnResume[Prompt | None] = None
    """What the samples begin with; if omitted, a line break."""
    sample_temperature: FreeOnResume[Temperature] = 0.6
    """Temperature of the samples; low is careful, high is wild."""
    baseline: FreeOnResume[bool] = True
    """Also print the perplexity of an n-gram model; it takes a few seconds."""

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
