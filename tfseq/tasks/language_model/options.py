"""What a training run of a language model can be told."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tfseq.errors import InputError
from tfseq.options.rules import (
    CountOrZero,
    Fraction,
    NonNegativeFloat,
    PathText,
    PositiveFloat,
    PositiveInt,
    Probability,
    Prompt,
    Seed,
    Size,
    SizeOrZero,
    Temperature,
)
from tfseq.options.run_options import check_same_options, parse_run_options, read_run_options


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """Train a recurrent language model on a text; write its perplexity, samples and an export."""

    corpus: PathText = "python_docs"
    """The text: python_docs, time_machine, tiny_shakespeare, or a file, directory or glob
    (.gz and .jsonl too)."""
    text_field: str = "text"
    """Field of a .jsonl record that holds the text."""
    encoding_errors: Literal["strict", "replace"] = "strict"
    """A byte that is not UTF-8 is an error, or becomes U+FFFD."""
    tokenizer: Literal["char", "word"] = "char"
    """What a token is."""
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

    cell: Literal["rnn", "gru", "lstm"] = "gru"
    """The recurrent cell."""
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
    batch_size: Size = 32
    """Windows in a batch."""
    num_steps: Size = 35
    """Tokens in a window: how far gradients reach back."""
    epochs: PositiveInt = 16
    """Passes over the training part."""
    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    """The optimizer, as Keras has it."""
    learning_rate: PositiveFloat | None = None
    """At the start; left out, 0.004, or 1 with sgd."""
    learning_rate_decay: Fraction | None = None
    """The learning rate is multiplied by this once an epoch, a little at each step; left out,
    0.83, or 1 with sgd."""
    weight_decay: NonNegativeFloat = 0.01
    """Of adamw."""
    clip_norm: PositiveFloat | None = 1.0
    """Largest global norm of the gradient."""
    patience: CountOrZero = 3
    """Stop after this many epochs without a better validation perplexity; 0 never stops."""
    seed: Seed = 0
    """Determines initial weights, windows, dropout and samples."""

    run_dir: PathText | None = None
    """Where the run is kept; left out, runs/CORPUS_CELL, numbered if that is taken."""
    resume: bool = False
    """Go on with the run in --run-dir from its last checkpoint."""
    checkpoint_seconds: NonNegativeFloat = 15.0
    """Training time between checkpoints; 0 writes one after every step."""
    sample_epochs: CountOrZero = 3
    """Epochs between samples of text; 0 never samples."""
    sample_prompt: Prompt | None = None
    """What the samples begin with; left out, a line break, so that a new line begins."""
    sample_temperature: Temperature = 0.6
    """Of the samples; see generate_text.py."""
    export_dir: PathText = "exported"
    """The SavedModel goes to EXPORT_DIR/NAME/VERSION, NAME being the run directory's."""
    export: bool = True
    """Export the model at the end."""
    baseline: bool = True
    """Count n-grams too, and print their perplexity beside the model's; a few seconds."""
    report: bool = False
    """Write report.html into the run directory at the end: one file to read or to send."""
    verbose: Literal["auto", "bar", "epoch", "quiet"] = "auto"
    """Progress: a bar on a terminal, else a line an epoch."""
    config: PathText | None = None
    """A JSON file of options by name (num_steps, ...); options given here win over it."""

    def with_defaults_filled(self) -> "TrainingOptions":
        """Options that were left out, and whose default depends on others, filled in.

        Raises:
            InputError: options that do not go together.

        >>> TrainingOptions(optimizer="sgd").with_defaults_filled().learning_rate
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
                "`--tie-embeddings` needs `--embedding-size` equal to `--units`. Received: "
                f"--embedding-size {filled.embedding_size}, --units {filled.units}."
            )
        return filled


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

# These do not touch the weights, or say only how far to go. Which text it is, is not held to its
# name: the run keeps a digest of it.
FREE_ON_RESUME = frozenset(
    {
        "corpus",
        "text_field",
        "encoding_errors",
        "epochs",
        "patience",
        "run_dir",
        "resume",
        "checkpoint_seconds",
        "sample_epochs",
        "sample_prompt",
        "sample_temperature",
        "export_dir",
        "export",
        "baseline",
        "report",
        "verbose",
        "config",
    }
)


def parse_training_options(arguments: Sequence[str] | None = None) -> TrainingOptions:
    """Read the options of a language model's training run from the command line.

    Raises:
        InputError: as `parse_run_options`.
    """
    return parse_run_options(TrainingOptions, arguments)


def read_saved_options(run_dir: str | Path) -> TrainingOptions:
    """The options of a language model's run, from its `config.json`.

    Raises:
        InputError: the directory is no run.
    """
    return read_run_options(TrainingOptions, run_dir)


def check_same_run(saved: TrainingOptions, options: TrainingOptions) -> None:
    """Raise unless a run of `saved` may go on with `options`.

    Raises:
        InputError: an option that the weights depend on differs; all such options are named.
    """
    check_same_options(saved, options, FREE_ON_RESUME)
