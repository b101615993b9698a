"""A trained model with all that goes with it."""

import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras

from tfseq.cells.table import cell_title
from tfseq.cluster.where import HERE, Where
from tfseq.errors import InputError
from tfseq.options.rules import checked
from tfseq.options.saving import without_places
from tfseq.options.task_names import TASK_NAMES
from tfseq.options.training_options import TrainingOptions
from tfseq.runs.run_directory import RunDirectory
from tfseq.text import Tokenizer, Vocabulary, make_tokenizer

#: Tokens of the validation text that an export for phones and browsers is measured by.
MEASURED_TOKENS = 20_000


class Task(ABC):
    """What a run has trained, read back by `tfseq.load` or returned by `tfseq.train`.

    Attributes:
        model: the Keras model, with its best weights.
        options: the options of the run.
        run: its `RunDirectory`.
        tokenizer, vocabulary: the way from text to ids; None where there is none.
        labels: what a classifier or a tagger tells apart; the columns of a forecaster; else None.
    """

    #: What the options of such a run are.
    options_type: ClassVar[type[TrainingOptions]]
    #: The settings of its export, a class of `tfseq.serving`.
    settings_type: ClassVar[Callable]
    #: How the input of each record is called in a file of inputs.
    input_field: ClassVar[str] = "text"

    def __init__(
        self,
        run: RunDirectory,
        options: Any,
        model: keras.Model,
        tokenizer: Tokenizer | None = None,
        vocabulary: Vocabulary | None = None,
        labels: Sequence[str] | None = None,
    ):
        self.run, self.options, self.model = run, options, model
        self.tokenizer, self.vocabulary, self.labels = tokenizer, vocabulary, labels

    @classmethod
    @abstractmethod
    def build(cls, run: RunDirectory, options: Any) -> "Task":
        """The task of a run as its directory describes it, with fresh weights."""

    def load_weights(self, path: Path) -> None:
        """Give the model the weights that a file holds.

        Raises:
            OSError, RuntimeError, KeyError or ValueError: they cannot be read, or do not fit.
        """
        self.model.load_weights(path)

    @abstractmethod
    def evaluate(
        self, path: str | os.PathLike | None = None, where: Where = HERE
    ) -> dict[str, Any]:
        """Measure the model.

        Args:
            path: other data of the same kind, all of it; None takes the split of the run's own
                data that its metrics are of.
            where: this process, or a cluster whose machines all see the run.

        Raises:
            InputError: the data cannot be read, or are the run's own and have changed since.
        """

    @abstractmethod
    def describe(self, evaluation: Mapping[str, Any]) -> str:
        """What `evaluate` has returned, as a person reads it."""

    @abstractmethod
    def predict_rows(self, inputs: Sequence[Any], first_row: int = 0) -> list[dict[str, Any]]:
        """What the model makes of each input of a file, by name and in values that JSON can hold.

        A subclass may take settings by name.

        Args:
            inputs: neighbours in their file.
            first_row: the number of the first of them in the file.

        Raises:
            InputError: an input is none for this task.
        """

    @property
    def directory(self) -> Path:
        """The run directory."""
        return self.run.path

    @property
    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds; empty before the run has finished."""
        return self.run.read_metrics()

    def export(
        self,
        directory: str | os.PathLike,
        *,
        version: int | None = None,
        keep_versions: int | None = None,
        **settings: Any,
    ) -> Path:
        """Write `<directory>/<version>/`, a SavedModel for TensorFlow Serving.

        Args:
            directory: `exported/<name>`, the base path that a server is given; made if missing.
            version: positive integer; None takes the one after the highest that is there.
            keep_versions: lower versions are removed until as many are left; None removes none.
            **settings: fields of `settings_type`: what is fixed at export.

        Returns:
            The path of the version.

        Raises:
            InputError: it cannot be written, a setting is unknown or out of its range, or the
                version is there already.
        """
        self.check_arguments(self.settings_type, settings)
        return self.write_export(
            directory,
            settings=self.settings_type(**{**self.usual_settings(), **settings}),
            version=version,
            keep_versions=keep_versions,
            metadata=self.export_details(),
        )

    def export_on_device(
        self,
        directory: str | os.PathLike,
        *,
        format: Literal["litert", "onnx"] = "litert",
        version: int | None = None,
        keep_versions: int | None = None,
        measured_tokens: int = MEASURED_TOKENS,
    ) -> Path:
        """Write `<directory>/<version>/`, the model for phones and browsers.

        See `tfseq.serving.export_on_device`.

        Args:
            directory, version, keep_versions: as for `export`.
            format: `litert` or `onnx`.
            measured_tokens: of the validation text, the most tokens to measure the files by; 0
                measures nothing, and needs no text.

        Raises:
            InputError: as `tfseq.serving.export_on_device`, or such a model has no such export.
        """
        raise InputError(
            f"`format` {format} is for language models. Received: {self.run.path}, the run of "
            f"{TASK_NAMES[self.options.task].model}."
        )

    def export_details(self) -> dict[str, Any]:
        """What an export says of the run that it is of."""
        return {
            "run": self.run.name,
            "options": without_places(self.options),
            "metrics": self.metrics,
        }

    def usual_settings(self) -> dict[str, Any]:
        """The settings of an export that follow from the options of the run."""
        return {}

    def check_arguments(self, function: Callable, given: Mapping[str, Any]) -> None:
        """Raise InputError where something is given that a function of this task does not take."""
        allowed = inspect.signature(function).parameters
        unknown = [f"`{name}`" for name in given if name not in allowed]
        if unknown:
            raise InputError(
                f"{', '.join(unknown)} cannot be used here: {self.run.path} is the run of "
                f"{TASK_NAMES[self.options.task].model}."
            )

    @abstractmethod
    def write_export(self, directory: str | os.PathLike, **more: Any) -> Path:
        """Call the function of `tfseq.serving` that exports such a model."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.run.path}>"


def checked_argument(name: str, value: Any, kind: Any) -> Any:
    """`tfseq.options.rules.checked`, for what a person gives to a task: raises InputError.

    >>> checked_argument("bold", True, bool)
    True
    """
    try:
        return checked(name, value, kind)
    except ValueError as error:
        raise InputError(str(error)) from None


def texts_of(inputs: Sequence[Any]) -> list[str]:
    """The inputs of a file, each of which must be a text.

    >>> texts_of(["a", 1])
    Traceback (most recent call last):
    tfseq.errors.InputError: an input must be a text. Received: 1.
    """
    for given in inputs:
        if not isinstance(given, str):
            raise InputError(f"an input must be a text. Received: {given!r}.")
    return list(inputs)


def short_name(part: str) -> str:
    """The name of a part without its module.

    >>> short_name("gru"), short_name("my_cells:LeakyCell")
    ('gru', 'LeakyCell')
    """
    return part.rpartition(":")[2]


def cell_words(cell: str) -> str:
    """How a cell is called in prose, by its option.

    >>> cell_words("rnn"), cell_words("my_cells:LeakyCell")
    ('simple RNN', 'LeakyCell')
    """
    return cell_title(short_name(cell))


def tokenizer_of(options: Any, run: RunDirectory | None = None) -> Tokenizer:
    """The tokenizer that options name.

    Args:
        options: the options.
        run: the directory of their run, which keeps what a tokenizer has learned.

    Raises:
        InputError: the run's model of subwords cannot be read.
    """
    settings = {
        "kind": options.tokenizer,
        "normalization": options.normalization,
        "case_fold": options.case_fold,
    }
    if getattr(options, "line_ends", False):
        settings["line_ends"] = True
    if options.tokenizer == "subword":
        try:
            settings["model"] = run.subwords.read_bytes()
            return make_tokenizer(settings)
        except (OSError, InputError) as error:
            raise run.damaged(run.subwords.name) from error
    return make_tokenizer(settings)
