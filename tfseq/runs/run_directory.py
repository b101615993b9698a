"""The directory of a run: what is in it, and how it is read back."""

import contextlib
import csv
import dataclasses
import fcntl
import io
import json
import math
import os
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras

from tfseq.errors import InputError
from tfseq.files.atomic_file import write_atomically
from tfseq.files.checkpoint import list_checkpoints
from tfseq.files.result_directory import check_writable, is_empty, new_directory, remove
from tfseq.options.saving import to_json
from tfseq.runs.weights_file import write_weights
from tfseq.text import Vocabulary

# What a run writes before its first checkpoint is whole.
_RUN_FILES = (
    *("config.json", "vocabulary.txt", "corpus.json", ".lock", ".workers.lock", ".ray"),
    *("checkpoints", "history.csv", "samples.txt", "tensorboard"),
    "model.weights.h5",
)


def is_list_of_names(value: Any) -> bool:
    """Whether a value of JSON is a list of texts."""
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _file(name: str) -> property:
    """The path of a file in the directory."""
    return property(lambda self: self.path / name)


@dataclasses.dataclass(frozen=True)
class RunDirectory:
    """`runs/<name>/`. Every file in it is written aside and renamed.

    | file | holds |
    |---|---|
    | `config.json` | the options |
    | `vocabulary.txt` | one escaped token a line |
    | `subwords.model` | the SentencePiece model of a tokenizer of subwords |
    | `labels.json`, `tags.json` | what a classifier or a tagger tells apart |
    | `series.json` | the columns of a forecaster |
    | `corpus.json` | the digest of the data, so that a run goes on with no other |
    | `start.json`, `start.weights.h5` | what a model began with that did not begin from nothing |
    | `checkpoints/` | the last two, for `--resume` |
    | `model.weights.h5` | the best weights so far by validation, else the last |
    | `history.csv` | a row an epoch |
    | `samples.txt` | text a language model wrote as it learned |
    | `metrics.json` | the figures of the finished run |
    | `exported.json` | the step whose weights were exported last, and where to |
    | `perplexity.png`, `curves.png` | the curve of a language model, the curves of another model |
    | `report.html` | all of it to read, where it was asked for |
    | `tensorboard/` | the same figures for TensorBoard |
    """

    path: Path

    config = _file("config.json")
    vocabulary = _file("vocabulary.txt")
    subwords = _file("subwords.model")
    corpus = _file("corpus.json")
    checkpoints = _file("checkpoints")
    weights = _file("model.weights.h5")
    metrics = _file("metrics.json")
    exported = _file("exported.json")
    perplexity_curve = _file("perplexity.png")
    curves = _file("curves.png")
    confusion = _file("confusion.png")
    report = _file("report.html")
    tensorboard = _file("tensorboard")

    @property
    def name(self) -> str:
        return self.path.resolve().name

    def export_path(self, export_dir: str | os.PathLike) -> Path:
        """Where the run's exports go: `EXPORT_DIR/NAME`."""
        return Path(export_dir, self.name)

    def read_metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds; empty before the run has finished.

        Raises:
            InputError: it is damaged.
        """
        try:
            return self.read_json(self.metrics.name, lambda metrics: isinstance(metrics, dict))
        except FileNotFoundError:
            return {}

    def read_list(self, name: str) -> tuple[str, ...]:
        """What a file of labels, tags or columns holds.

        Raises:
            InputError: it cannot be read.
        """
        try:
            return tuple(self.read_json(name, is_list_of_names))
        except FileNotFoundError as error:
            raise self.damaged(name) from error

    def damaged(self, name: str) -> InputError:
        """The error that a file of the run cannot be read."""
        return InputError(f"`run_dir` {self.path} is damaged: its {name} cannot be read.")

    def read_json(self, name: str, holds: Callable[[Any], bool]) -> Any:
        """What a file of JSON holds.

        Raises:
            FileNotFoundError: there is none.
            InputError: it cannot be read, or `holds` says that it is of another kind.
        """
        try:
            value = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise self.damaged(name) from error
        if not holds(value):
            raise self.damaged(name)
        return value

    def check_free(self) -> None:
        """Raise InputError where the directory is taken, or could not be made."""
        check_writable(self.path, "run_dir")
        if not self.path.is_dir() or is_empty(self.path):
            return
        if not self.config.is_file():
            raise InputError(
                f"`run_dir` {self.path} is neither empty nor a run. Name another directory."
            )
        if (self.path / ".lock").exists():
            with self.locked():  # Raises where a process is training in it.
                pass
        hint = "" if self.has_weights() else f" It has no weights yet: {self.how_to_free()}."
        raise InputError(
            f"`run_dir` {self.path} exists. Add `resume` to go on with that run, or name "
            f"another directory.{hint}"
        )

    def has_weights(self) -> bool:
        """Whether the run has got as far as a checkpoint or weights."""
        return self.weights.is_file() or self.has_checkpoint()

    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return bool(list_checkpoints(self.checkpoints))

    def how_to_free(self) -> str:
        """Words that say how to use the name again."""
        return f"`rm -r {shlex.quote(str(self.path))}` frees its name"

    def create(
        self,
        options: Any,
        vocabulary: Vocabulary | None,
        fingerprint: str,
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        """Make the directory with what a run begins with, or leave nothing.

        Args:
            options: the options, a dataclass.
            vocabulary: the vocabulary; None where there is none.
            fingerprint: digest of what is trained on.
            files: name -> content of other files.

        Raises:
            InputError: something is there already, or the place cannot be written to.
        """
        self.check_free()
        with new_directory(self.path, "run_dir") as aside:
            if vocabulary is not None:
                vocabulary.save(aside / self.vocabulary.name)
            for name, content in files.items():
                (aside / name).write_bytes(content)
            (aside / self.corpus.name).write_bytes(_json({"fingerprint": fingerprint}))
            (aside / self.config.name).write_bytes(_config(options))

    def discard(self, files: Iterable[str] = ()) -> None:
        """Remove what a run without a checkpoint has written; other files stay.

        So does the directory itself: it may have been there before.

        Args:
            files: names of the files that `create` was given.
        """
        for name in (*_RUN_FILES, *files):
            remove(self.path / name)

    def remove_leftovers(self) -> None:
        """Remove files that a killed process left half-written. The caller holds the lock."""
        for place in (self.path, self.checkpoints):
            for leftover in place.glob(".*.partial*"):
                remove(leftover)

    def write_options(self, options: Any) -> None:
        """Make `config.json` hold these options, as when a resumed run is to go further."""
        write_atomically(self.config, _config(options))

    def check_fingerprint(self, fingerprint: str, what: str) -> None:
        """Raise InputError unless the data are those that the run began with.

        Args:
            fingerprint: their digest.
            what: how an error calls them.
        """
        try:
            saved = json.loads(self.corpus.read_text(encoding="utf-8"))["fingerprint"]
        except (OSError, ValueError, KeyError, TypeError):
            raise self.damaged(self.corpus.name) from None
        if saved != fingerprint:
            raise InputError(f"{what} is not the one that the run {self.path} was trained on.")

    def write_history(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Make `history.csv` exactly these rows."""
        columns = list(dict.fromkeys(name for row in history for name in row)) or ["epoch"]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        write_atomically(self.path / "history.csv", text.getvalue().encode())

    def write_samples(self, samples: Sequence[Mapping[str, Any]]) -> None:
        """Make `samples.txt` exactly these samples."""
        text = "".join(f"epoch {s['epoch']}\n{s['text']}\n\n" for s in samples)
        write_atomically(self.path / "samples.txt", text.encode())

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write `metrics.json`; null stands for an infinite figure, for which JSON has no word."""
        finite = {k: None if v in (math.inf, -math.inf) else v for k, v in metrics.items()}
        write_atomically(self.metrics, _json(finite))

    def write_weights(self, model: keras.Model) -> None:
        """Write `model.weights.h5`; see `write_weights`."""
        write_weights(self.weights, model)

    def note_export(self, step: int, version: Path) -> None:
        """Record that the weights of `step` were exported to `version`."""
        write_atomically(self.exported, _json({"step": step, "path": str(version.absolute())}))

    def exported_version(self, step: int) -> Path | None:
        """Where the weights of `step` were exported to; None if others were, or none."""
        try:
            noted = json.loads(self.exported.read_text(encoding="utf-8"))
            return Path(noted["path"]) if noted["step"] == step else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @contextlib.contextmanager
    def locked(self, name: str = ".lock", seconds: float = 0.0) -> Iterator[None]:
        """Hold the directory for one process. The system lets go when the process ends.

        Args:
            name: of the file that is locked.
            seconds: how long to wait for a process that holds it.

        Raises:
            InputError: another process is training in it.
        """
        try:
            file = open(self.path / name, "w")  # noqa: SIM115
        except OSError as error:
            raise InputError(
                f"`run_dir` {self.path} cannot be written to: {error.strerror}."
            ) from error
        with file:
            until = time.monotonic() + seconds
            while True:
                with contextlib.suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if time.monotonic() >= until:
                    raise InputError(f"`run_dir` {self.path} is in use by another process.")
                time.sleep(0.1)
            yield


def _config(options: Any) -> bytes:
    """The options as `config.json` holds them, under the name of their task."""
    return _json({"task": options.task, **to_json(options)})


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
