"""A start from the weights of a run."""

import hashlib
from pathlib import Path
from typing import Any

import keras

from tfseq.errors import InputError
from tfseq.models.encoder_start import take_layers
from tfseq.models.growing import take_over
from tfseq.models.output.adaptive_softmax import checked_cutoffs
from tfseq.models.token_encoder import TokenEncoder
from tfseq.options.run_options import read_config, read_run_options
from tfseq.options.start_options import with_shape_of
from tfseq.options.task_names import TASK_NAMES, task_of
from tfseq.runs.run_directory import RunDirectory
from tfseq.tasks.loading import load
from tfseq.tasks.starting.start import Start, kept, with_recipe_of
from tfseq.text import Vocabulary


class RunStart(Start):
    """A start from the best weights of the run of a language model.

    Args:
        place: its directory.

    Raises:
        InputError: there is no such run, or it is of another task.
    """

    def __init__(self, place: str):
        self.place, self.run = place, RunDirectory(Path(place))
        _check_no_export(self.run.path)
        try:
            config = read_config(place)
            task = task_of(config)
            if task != "language_model":
                model = TASK_NAMES[task].model if task in TASK_NAMES else "no task of tfseq"
                raise InputError(f"it is the run of {model}, not of a language model.")
            from tfseq.tasks.table import TASKS

            self._options = read_run_options(TASKS.find(task).options_type, place)
            if not self.run.weights.is_file():
                raise InputError("it has no weights yet. Train it first.")
            self.known = Vocabulary.load(self.run.vocabulary).tokens[1:]
        except InputError as error:
            raise _named(place, error) from error

    def with_shape(self, options: Any) -> Any:
        if options.task != "language_model":
            self._check_gives_layers(options)
        elif self._options.documents is not None and options.documents is None:
            raise InputError(
                f"`documents` must be given: `init_from` {self.place} has learned documents, each "
                "from its begin to its end, and a text without them has neither."
            )
        if getattr(options, "subword_model", None) is not None:
            raise InputError(
                f"`subword_model` must be left out: the subwords are those of `init_from` "
                f"{self.place}. Received: {options.subword_model}."
            )
        options = with_shape_of(options, self._shape(), self.place)
        return with_recipe_of(options, self._options)

    def apply(self, model: keras.Model, vocabulary: Vocabulary, seed: int) -> None:
        source = self._load()
        encoder = isinstance(model, TokenEncoder)
        try:
            (take_layers if encoder else take_over)(model, source.model, seed)
        except ValueError as error:
            raise InputError(
                f"`init_from` {self.place}: its weights do not fit: {error}"
            ) from error
        digest = hashlib.sha256(self.run.weights.read_bytes()).hexdigest()
        added = len(vocabulary) - len(source.vocabulary)
        after = source.metrics.get("best_epoch")
        taken = "the embedding, its layers as the forward direction" if encoder else "all weights"
        self.note = (
            f"from {self.place}{f' after epoch {after}' if after else ''}: {taken}, "
            f"{len(source.vocabulary):,} symbols kept, {added:,} added"
        )
        self.files = kept(model, self.note, init_from=str(self.run.path.absolute()), sha256=digest)

    def _shape(self) -> dict[str, Any]:
        """The options of the run; the cutoffs as they are there, since the usual ones go by the
        number of symbols, and that may grow."""
        shape = dict(vars(self._options))
        if shape.get("softmax") == "adaptive":
            shape["cutoffs"] = checked_cutoffs(shape["cutoffs"], 1 + len(self.known))
        return shape

    def _check_gives_layers(self, options: Any) -> None:
        """Raise InputError where a model that gives labels cannot take the layers."""
        source, reason = self._options, None
        if not source.embedding_size:
            reason = "reads one-hot tokens; train one with an `embedding_size`"
        elif source.residual or source.skip_connections != "none":
            reason = (
                "has connections past its layers, which in both directions are of another shape; "
                "train one with plain layers"
            )
        elif not hasattr(options, "tokenizer"):
            if source.tokenizer in ("char", "subword"):
                reason = (
                    f"has the `tokenizer` {source.tokenizer}, and a tagger reads words as they "
                    "stand in its file; train one with `tokenizer` whitespace or word"
                )
            elif source.case_fold or source.normalization == "letters":
                reason = (
                    "knows words in lower case alone, and a tagger reads them as they stand in its "
                    "file; train one without `case_fold` and `normalization` letters"
                )
        if reason:
            raise InputError(f"`init_from` {self.place}: the language model {reason}.")

    def _load(self):
        try:
            return load(self.place, "language_model")
        except InputError as error:
            raise _named(self.place, error) from error


def _named(place: str, error: InputError) -> InputError:
    """An error of a run, as one of the option that names it."""
    rest = str(error).removeprefix(f"`run_dir` {place}")
    return InputError(f"`init_from` {place}{'' if rest != str(error) else ': '}{rest}")


def _check_no_export(path: Path) -> None:
    exports = [path / "saved_model.pb", *path.glob("[0-9]*/saved_model.pb")]
    if any(export.is_file() for export in exports):
        raise InputError(
            f"`init_from` {path} is an export: its weights are folded into a graph that only "
            "computes. Name the directory of the run that it was exported from."
        )
