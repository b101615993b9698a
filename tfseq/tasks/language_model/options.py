"""Options of a language model's training run."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Literal

from tfseq.cells.table import CELLS, CellName
from tfseq.errors import InputError
from tfseq.options.model.connections import OF_WHICH, output_width
from tfseq.options.model.layer_sizes import OptionalLayerSizes, layer_sizes, with_layers_agreed
from tfseq.options.optimizers import OptimizerName
from tfseq.options.rules import (
    CountOrZero,
    Fraction,
    FreeOnResume,
    NonNegativeFloat,
    PathText,
    PositiveFloat,
    PositiveInt,
    Probability,
    Prompt,
    Size,
    SizeOrZero,
    Temperature,
)
from tfseq.options.scale.worker_options import WorkerOptions
from tfseq.options.start_options import StartOptions
from tfseq.options.training_options import Averaging, Schedule, TrainingOptions
from tfseq.tasks.language_model.document_options import DocumentOptions
from tfseq.tasks.language_model.presets import (
    BEFORE_PRESETS,
    FROM_PRESET,
    ClipNorm,
    PresetName,
    preset_values,
)
from tfseq.tasks.language_model.regularization_options import DropoutMask, RegularizationOptions
from tfseq.tasks.language_model.softmax_options import SoftmaxOptions
from tfseq.tasks.subword_options import SubwordOptions
from tfseq.text.tokenizers.table import TokenizerName


@dataclasses.dataclass(frozen=True)
class LanguageModelOptions(
    WorkerOptions,
    DocumentOptions,
    SubwordOptions,
    SoftmaxOptions,
    StartOptions,
    RegularizationOptions,
    TrainingOptions,
):
    """Train a recurrent language model on a text, print its perplexity, generate samples, and
    export the model."""

    task: ClassVar[str] = "language_model"

    corpus: FreeOnResume[PathText] = "python_docs"
    """The text: python_docs, time_machine, tiny_shakespeare, or a file, directory or glob
    (.gz and .jsonl too). In a directory with train, valid and test files, each is its split."""
    validation: FreeOnResume[PathText | None] = None
    """The validation split as a text of its own; the corpus is then all for training."""
    test: FreeOnResume[PathText | None] = None
    """The test split as a text of its own. It is measured once, at the end, with the best
    weights."""
    text_field: FreeOnResume[str] = "text"
    """The field of a .jsonl record that holds the text."""
    encoding_errors: FreeOnResume[Literal["strict", "replace"]] = "strict"
    """strict: a byte that is not UTF-8 is an error; replace: it becomes U+FFFD."""
    tokenizer: TokenizerName = "char"
    """What a token is: char, word, whitespace (of text that is tokenized already), subword
    (frequent words whole, others in parts), or module:Name, your own tokenizer."""
    normalization: Literal["none", "nfkc", "letters"] = "none"
    """Normalization before the tokenizer; letters keeps only a-z and single spaces."""
    case_fold: bool = False
    """Fold case: treat upper and lower case as the same."""
    line_ends: bool = False
    """Read every line end as the token <eos>, as published figures of words do; with the tokenizers
    word and whitespace."""
    min_frequency: PositiveInt = 1
    """Tokens with a lower count in the training split become <unk>."""
    max_vocabulary: PositiveInt | None = None
    """Size of the vocabulary at most, including <unk>; if omitted, no limit."""
    max_tokens: PositiveInt | None = None
    """Use at most this many tokens from the start of the corpus; if omitted, all."""
    validation_fraction: Probability = 0.1
    """Fraction of the corpus that is the validation split: its end, or documents by --split."""
    test_fraction: Probability = 0.0
    """Fraction of the corpus that is the test split: its very end, or documents by --split."""

    preset: PresetName | None = None
    """A whole recipe, for characters or for words by the tokenizer: small, of a few minutes on two
    cores; medium, for megabytes of text; large, for tens of megabytes, better on a GPU; textbook,
    plain gradient descent. It sets the options below that are left out. If omitted, small, or
    textbook with sgd."""
    cell: CellName | None = None
    """The recurrent cell: rnn, gru, lstm, min_gru, min_lstm, rg_lru, layer_norm_lstm, mogrifier, or
    module:Name, your own function units -> cell; if omitted, by --preset."""
    units: OptionalLayerSizes = None
    """Hidden state of a layer; several numbers set one for each layer; if omitted, by --preset."""
    num_layers: Size | None = None
    """Layers in the stack; left out where --units has several sizes."""
    dropout: Probability | None = None
    """Dropout rate before, between and after the layers; if omitted, by --preset."""
    embedding_size: SizeOrZero | None = None
    """Size of the embedding, or 0 for one-hot tokens; if omitted, by --preset."""
    tie_embeddings: bool | None = None
    """Use the embedding as the output layer too; its size is then that of the last
    layer. If omitted, by --preset."""

    sampling: Literal["random", "sequential"] = "sequential"
    """random: windows in random order, each from a zero state; sequential: windows in text order,
    with the state carried along."""
    batch_size: Size | None = None
    """Windows in a batch; if omitted, by --preset."""
    num_steps: Size | None = None
    """Tokens in a window: how far gradients reach back; if omitted, by --preset."""
    window_lengths: Literal["fixed", "varied"] = "fixed"
    """varied: the length of each batch's windows is drawn from four around --num-steps, and the
    learning rate goes with it (AWD-LSTM, arXiv 1708.02182)."""
    state_reset: Probability = 0.0
    """Probability that a row of sequential windows begins a window from the zero state, as
    generated text does (arXiv 1707.05589)."""
    epochs: FreeOnResume[PositiveInt | None] = None
    """Passes over the training split; if omitted, by --preset, or as many as small has with sgd
    alone."""
    optimizer: OptimizerName | None = None
    """The optimizer: sgd, adam, adamw, nadam, lion (arXiv 2302.06675), rmsprop, or module:Name,
    your own function learning_rate -> optimizer; if omitted, by --preset."""
    learning_rate: PositiveFloat | None = None
    """Learning rate at the start, or at the end of the warm-up; if omitted, by --preset, or 1 with
    sgd (times 1 - momentum), or a tenth of the preset's with lion."""
    learning_rate_decay: Fraction | None = None
    """Factor of the learning rate per epoch, applied gradually at each step; it implies the
    exponential schedule. If omitted, 0.83 with that schedule, or 1 with sgd."""
    schedule: Schedule | None = None
    """How the learning rate changes: exponential, by --learning-rate-decay; cosine, along half
    a cosine to the end of the run (arXiv 1608.03983); one_cycle, up to its peak and down again
    (arXiv 1708.07120); or constant. Where cosine or one_cycle ends, the run ends: a resumed run
    cannot change its epochs. If omitted, by --preset."""
    warmup: NonNegativeFloat | None = None
    """Epochs, or part of one, in which the learning rate rises from zero; if omitted, by --preset,
    or 0.3 of the run with one_cycle, which rises from 1/25 of its peak."""
    weight_decay: NonNegativeFloat | None = None
    """Decoupled weight decay (arXiv 1711.05101): before each update, this times the learning rate
    is the part that every weight loses; if omitted, by --preset, or 0.01 with adamw, or 0."""
    averaging: Averaging | None = None
    """Which weights are validated, kept and exported: none, those of the last update; ema, an
    exponential average; triggered, the average from when validation stalls (NT-ASGD, arXiv
    1708.02182; it is meant for sgd at a constant rate); two_tailed, the average over as many
    updates as validation finds best (arXiv 2209.12581). If omitted, by --preset."""
    clip_norm: ClipNorm = FROM_PRESET
    """Clip gradients to this global norm, or never with None; if omitted, by --preset."""
    decay_biases: bool | None = None
    """Let weight decay take biases and gains too, not the matrices and tables alone; if omitted,
    by --preset."""
    input_dropout: Probability | None = None
    """Dropout rate before the first layer; if omitted, by --preset, or that of --dropout where that
    is given."""
    dropout_mask: DropoutMask | None = None
    """step: dropout draws a mask for each step; window: one for all steps of a row of a window
    (variational dropout, arXiv 1512.05287). If omitted, by --preset."""
    embedding_dropout: Probability | None = None
    """Share of the symbols that are zero wherever they occur in a window, drawn for each window
    (arXiv 1512.05287); if omitted, by --preset."""
    weight_dropout: Probability | None = None
    """Share of the recurrent weights that are zero during a window, drawn for each window
    (arXiv 1708.02182); if omitted, by --preset."""

    sample_epochs: FreeOnResume[CountOrZero] = 3
    """Epochs between samples of text; 0 turns samples off."""
    sample_prompt: FreeOnResume[Prompt | None] = None
    """What the samples begin with; if omitted, "If a class " for python_docs, else a line break, or
    nothing where there are documents."""
    sample_temperature: FreeOnResume[Temperature] = 0.5
    """Temperature of the samples; low is careful, high is wild."""
    baseline: FreeOnResume[bool] = True
    """Also print the perplexity of an n-gram model; it takes a few seconds."""

    def with_defaults_filled(self, of_characters: bool | None = None) -> "LanguageModelOptions":
        """Options that were left out, and whose default depends on others, filled in.

        Args:
            of_characters: whether a token is a character, as a preset asks; None goes by the
                tokenizer.

        Raises:
            InputError: options that do not go together.

        >>> LanguageModelOptions(optimizer="sgd").with_defaults_filled().learning_rate
        1.0
        """
        self.check_splits()
        usual = self._usual(self.tokenizer == "char" if of_characters is None else of_characters)
        if self.tie_embeddings or (self.tie_embeddings is None and usual["tie_embeddings"]):
            usual["embedding_size"] = self._with(usual)._output_width()
        filled = with_layers_agreed(self._with(usual))
        if filled.tie_embeddings and filled.embedding_size != filled._output_width():
            raise InputError(
                f"`tie_embeddings` needs `embedding_size` equal to `units`, {OF_WHICH}: "
                f"{filled._output_width()}. Received: "
                f"`embedding_size` {filled.embedding_size}, `units` {filled.units}."
            )
        filled.check_softmax()
        if filled.state_reset and filled.sampling == "random":
            raise InputError(
                "`state_reset` needs `sampling` sequential: random windows all begin from the zero "
                f"state. Received: `state_reset` {filled.state_reset:g}."
            )
        return filled

    def check_splits(self) -> None:
        """Raise where the options name a split twice, or leave nothing to train on."""
        usual = LanguageModelOptions.validation_fraction
        if self.validation is not None and self.validation_fraction not in (0, usual):
            raise InputError(
                "`validation_fraction` must be left out where `validation` names the validation "
                f"split. Received: {self.validation_fraction}."
            )
        if self.test is not None and self.test_fraction:
            raise InputError(
                "`test_fraction` must be left out where `test` names the test split. "
                f"Received: {self.test_fraction}."
            )
        apart = self.test_fraction + (0 if self.validation else self.validation_fraction)
        if apart >= 1:
            raise InputError(
                "`validation_fraction` and `test_fraction` must leave something to train on. "
                f"Received: {self.validation_fraction} and {self.test_fraction}."
            )
        self.check_subwords()
        self.check_documents()
        if self.line_ends and self.tokenizer == "char":
            raise InputError(
                "`line_ends` must be left out with the tokenizer char: to it a line break is a "
                "character as any other."
            )

    def _usual(self, of_characters: bool) -> dict[str, Any]:
        """What options are that are left out."""
        plain = self.optimizer == "sgd" and self.preset is None
        preset = self.preset or ("textbook" if plain else "small")
        usual = {**preset_values(preset, of_characters), "preset": preset, "sample_prompt": "\n"}
        if self.corpus == "python_docs":
            # To subwords a space belongs to the word after it.
            usual["sample_prompt"] = "If a class " if self.tokenizer != "subword" else "If a class"
        if self.documents is not None:
            usual["sample_prompt"] = ""
        if plain:
            usual["epochs"] = preset_values("small", of_characters)["epochs"]
        optimizer = self.optimizer or usual["optimizer"]
        if optimizer != usual["optimizer"]:
            usual.pop("weight_decay", None)
        if optimizer == "sgd":
            usual["learning_rate"] = 1.0 - self.momentum
        elif optimizer == "lion":
            usual["learning_rate"] /= 10
        if self.schedule == "one_cycle":
            usual.pop("warmup")  # It has a rise of its own.
        if self.dropout is not None:
            usual.pop("input_dropout", None)  # It is then that of `dropout`, as the help says.
        cell = self.cell or usual["cell"]
        if cell not in CELLS.built_in or not CELLS.find(cell).has_recurrent_kernel:
            usual["weight_dropout"] = 0.0
        if self.learning_rate_decay not in (None, 1.0):
            usual["schedule"] = "exponential"  # The one that it belongs to.
        decays = (self.schedule or usual["schedule"]) == "exponential" and optimizer != "sgd"
        usual["learning_rate_decay"] = 0.83 if decays else 1.0
        if self.units is not None:
            # Its own number of layers, and not that of the preset's sizes.
            usual["num_layers"] = 1 if isinstance(self.units, int) else len(self.units)
        elif self.num_layers is not None and not isinstance(usual["units"], int):
            usual["units"] = usual["units"][0]
        if self.softmax == "adaptive":
            usual["tie_embeddings"] = False
        elif self.embedding_size is not None and usual["tie_embeddings"]:
            usual["tie_embeddings"] = self.embedding_size == self._with(usual)._output_width()
        return usual

    def _with(self, usual: Mapping[str, Any]) -> "LanguageModelOptions":
        left_out = {name: FROM_PRESET if name == "clip_norm" else None for name in usual}
        missing = {n: value for n, value in usual.items() if getattr(self, n) == left_out[n]}
        return dataclasses.replace(self, **missing)

    def _output_width(self) -> int:
        return output_width(layer_sizes(self.units, self.num_layers), self.skip_connections)

    @classmethod
    def completed(cls, saved: dict[str, Any]) -> dict[str, Any]:
        if "preset" in saved:
            return saved
        # Its values are all there; what is filled in beside them is this preset's.
        preset = "textbook" if saved.get("optimizer") == "sgd" else "small"
        return {**BEFORE_PRESETS, "preset": preset, **saved}

    def names_of_data(self) -> Collection[str]:
        """The corpora by name, which stand in place of a path."""
        from tfseq.text import CORPUS_NAMES

        return CORPUS_NAMES
