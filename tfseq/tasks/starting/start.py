"""The start of a run: from nothing, from what is there already, or from where it was begun."""

import dataclasses
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras

from tfseq.errors import InputError
from tfseq.files.json_objects import read_json_object
from tfseq.options.run_options import read_run_options
from tfseq.options.start_options import filled_from
from tfseq.runs.run_directory import RunDirectory
from tfseq.runs.weights_file import check_weights, write_weights
from tfseq.text import Vocabulary
from tfseq.text.special_tokens import BEGIN, END
from tfseq.text.vocabulary import UNKNOWN

#: What a run keeps of its start, so that it needs nothing else to begin anew.
WEIGHTS, NOTES = "start.weights.h5", "start.json"


class Start:
    """A start from random numbers; the subclasses start from something.

    Attributes:
        known: the symbols that keep their ids, without `<unk>`.
        note: what was taken over, in a line; empty where nothing was.
        files: what the run directory keeps of it.
        run: the run whose tokenizer is that of the new one; None where there is none.
    """

    known: tuple[str, ...] = ()
    note: str = ""
    files: Mapping[str, bytes] = MappingProxyType({})
    run: RunDirectory | None = None

    def with_shape(self, options: Any) -> Any:
        """The options, with the shape of what is there where they leave it out.

        Raises:
            InputError: they do not agree with it.
        """
        return options

    def check_room(self, options: Any) -> None:
        """Raise InputError where the vocabulary has no room for the symbols that are known."""
        symbols = {UNKNOWN, *self.known}
        if getattr(options, "documents", None) is not None:
            symbols |= {BEGIN, END}
        most = options.max_vocabulary
        if most is not None and most < len(symbols):
            raise InputError(
                f"`max_vocabulary` must be at least {len(symbols)}, the symbols that are there "
                f"before any is counted, or be left out. Received: {most}."
            )

    def apply(self, model: keras.Model, vocabulary: Vocabulary, seed: int) -> None:
        """Give a fresh model the weights."""


NO_START = Start()


class ResumedStart(Start):
    """Where a run was begun: all of it is in its own directory."""

    def __init__(self, directory: Path):
        self.run = RunDirectory(directory)
        self.known = Vocabulary.load(self.run.vocabulary).tokens[1:]
        notes = read_json_object(directory / NOTES, "the run's")
        self.note = str(notes.get("note", ""))

    def with_shape(self, options: Any) -> Any:
        saved = read_run_options(type(options), self.run.path)
        return with_recipe_of(filled_from(options, vars(saved)), saved)

    def apply(self, model: keras.Model, vocabulary: Vocabulary, seed: int) -> None:
        if self.run.has_checkpoint():
            return  # It has all weights.
        path = self.run.path / WEIGHTS
        try:
            check_weights(path)
            model.load_weights(path)
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise self.run.damaged(WEIGHTS) from error


def with_recipe_of(options: Any, source: Any) -> Any:
    """Options with the preset of the model that they start from, where they name no recipe."""
    names_one = getattr(options, "preset", "none") is not None or options.optimizer is not None
    return options if names_one else dataclasses.replace(options, preset=source.preset)


def kept(model: keras.Model, note: str, **notes: Any) -> dict[str, bytes]:
    """The files that `ResumedStart` reads: the weights of a model, and notes on the start."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, WEIGHTS)
        write_weights(path, model)
        text = json.dumps({"note": note, **notes}, indent=2, ensure_ascii=False) + "\n"
        return {WEIGHTS: path.read_bytes(), NOTES: text.encode()}
