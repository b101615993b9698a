"""The directory of a run: what is in it, and how it is read back."""

import csv
import dataclasses
import fcntl
import io
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfseq.configuration import to_json
from tfseq.data import EncodedCorpus, encode_corpus
from tfseq.errors import InputError
from tfseq.models import LanguageModel
from tfseq.text import Vocabulary, make_tokenizer, open_corpus
from tfseq.training.checkpoint import write_atomically
from tfseq.training.options import TrainingOptions, read_saved_options

HISTORY_COLUMNS = (
    "epoch",
    "step",
    "tokens",
    "seconds",
    "learning_rate",
    "train_loss",
    "train_perplexity",
    "train_bits_per_token",
    "validation_loss",
    "validation_perplexity",
    "validation_bits_per_token",
)


@dataclasses.dataclass(frozen=True)
class RunDirectory:
    """`runs/<name>/`. Every file in it is written aside and renamed.

    | file | holds |
    |---|---|
    | `config.json` | the options |
    | `vocabulary.txt` | one escaped token a line |
    | `checkpoints/` | the last two, for `--resume` |
    | `model.weights.h5` | the best weights so far by validation, else the last |
    | `history.csv` | a row an epoch |
    | `samples.txt` | text the model wrote as it learned |
    | `metrics.json` | the figures of the finished run |
    | `perplexity.png` | the curve |
    | `tensorboard/` | the same figures for TensorBoard |
    """

    path: Path

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def vocabulary(self) -> Path:
        return self.path / "vocabulary.txt"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def weights(self) -> Path:
        return self.path / "model.weights.h5"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.json"

    @property
    def curve(self) -> Path:
        return self.path / "perplexity.png"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    def check_free(self) -> None:
        """Raise InputError where the directory is taken, or could not be made."""
        if self.path.exists():
            raise InputError(
                f"`--run-dir` {self.path} exists. Add `--resume` to go on with that run, or name "
                "another directory."
            )
        check_writable(self.path, "--run-dir")

    def create(self, options: TrainingOptions, vocabulary: Vocabulary) -> None:
        """Make the directory with its options and vocabulary, or leave nothing.

        Raises:
            InputError: something is there already, or the place cannot be written to.
        """
        self.check_free()
        aside = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        try:
            aside.mkdir(parents=True)
            vocabulary.save(aside / self.vocabulary.name)
            (aside / self.config.name).write_bytes(_json(to_json(options)))
            aside.rename(self.path)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise InputError(
                f"`--run-dir` {self.path} cannot be written to: {error.strerror}."
            ) from error

    def write_history(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Make `history.csv` exactly these rows."""
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY_COLUMNS, lineterminator="\n")
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

    def write_weights(self, model: LanguageModel) -> None:
        """Write `model.weights.h5`, aside first."""
        aside = self.path / f".{os.getpid()}.partial.weights.h5"
        try:
            model.save_weights(aside)
            os.replace(aside, self.weights)
        finally:
            aside.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for one process. The system lets go when the process ends.

        Raises:
            InputError: another process is training in it.
        """
        with open(self.path / ".lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise InputError(f"`--run-dir` {self.path} is in use by another process.") from None
            yield


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """A run read back for use: its model with the best weights, and what goes with it."""

    directory: RunDirectory
    options: TrainingOptions
    tokenizer: Any
    vocabulary: Vocabulary
    model: LanguageModel

    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds; empty before the run has finished."""
        if not self.directory.metrics.is_file():
            return {}
        return json.loads(self.directory.metrics.read_text(encoding="utf-8"))

    def metadata(self) -> dict[str, Any]:
        """What an export should say of where it comes from: options and figures."""
        return {
            "run": self.directory.name,
            "options": to_json(self.options),
            "metrics": self.metrics(),
        }

    def encode(self, corpus: str | None = None) -> EncodedCorpus:
        """A corpus as ids of this run's vocabulary.

        Args:
            corpus: a named corpus or a path, none of it set apart for validation; None takes the
                run's own, split as it was.
        """
        options = self.options
        own = corpus is None
        text = open_corpus(
            options.corpus if own else corpus, options.encoding_errors, options.text_field
        )
        return encode_corpus(
            text,
            self.tokenizer,
            vocabulary=self.vocabulary,
            max_tokens=options.max_tokens if own else None,
            validation_fraction=options.validation_fraction if own else 0.0,
        )


def load_run(path: str | os.PathLike) -> TrainedRun:
    """Read a run directory.

    Raises:
        InputError: it is no run directory, or has no weights yet, or they do not fit.
    """
    directory = RunDirectory(Path(path))
    if not directory.path.is_dir():
        raise InputError(f"`--run-dir` {path} is not a directory.")
    options = read_saved_options(path)
    if not directory.weights.is_file():
        raise InputError(
            f"`--run-dir` {path} has no weights yet (model.weights.h5 is written after the first "
            "epoch). Train it first, or go on with `train_language_model.py --resume`."
        )
    try:
        vocabulary = Vocabulary.load(directory.vocabulary)
        model = build_model(options, len(vocabulary))
        model.load_weights(directory.weights)
    except (OSError, ValueError) as error:
        raise InputError(f"`--run-dir` {path} cannot be read: {error}") from error
    return TrainedRun(directory, options, build_tokenizer(options), vocabulary, model)


def build_tokenizer(options: TrainingOptions) -> Any:
    """The tokenizer that the options name."""
    return make_tokenizer(
        {
            "kind": options.tokenizer,
            "normalization": options.normalization,
            "case_fold": options.case_fold,
        }
    )


def build_model(options: TrainingOptions, vocabulary_size: int) -> LanguageModel:
    """The model that the options describe, with fresh weights."""
    return LanguageModel(
        vocabulary_size,
        cell=options.cell,
        units=options.units,
        num_layers=options.num_layers,
        dropout=options.dropout,
        embedding_size=options.embedding_size or None,
        tie_embeddings=options.tie_embeddings,
    )


def check_writable(path: str | os.PathLike, flag: str) -> None:
    """Raise InputError where a directory could not be made at `path`; makes nothing.

    Args:
        path: the directory to be.
        flag: the option that names it, for the message.
    """
    path = Path(path)
    for place in (path, *path.absolute().parents):
        if not place.exists():
            continue
        if not place.is_dir():
            raise InputError(f"`{flag}` {path} cannot be made: {place} is not a directory.")
        if not os.access(place, os.W_OK | os.X_OK):
            raise InputError(f"`{flag}` {path} cannot be made: {place} is not writable.")
        return


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
