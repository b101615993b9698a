"""A run read back for use."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from tfseq.data import EncodedCorpus, encode_corpus
from tfseq.errors import InputError
from tfseq.models import LanguageModel
from tfseq.options.saving import without_places
from tfseq.runs.run_directory import RunDirectory
from tfseq.tasks.language_model.options import TrainingOptions, read_saved_options
from tfseq.text import Tokenizer, Vocabulary, make_tokenizer, open_corpus


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """A run read back for use: its model with the best weights, and what goes with it."""

    directory: RunDirectory
    options: TrainingOptions
    tokenizer: Tokenizer
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
            "options": without_places(self.options),
            "metrics": self.metrics(),
        }

    def encode(self, corpus: str | None = None) -> EncodedCorpus:
        """A corpus as ids of this run's vocabulary.

        Args:
            corpus: a named corpus or a path, none of it set apart for validation; None takes the
                run's own, split as it was.

        Raises:
            InputError: the corpus cannot be read, or is the run's own and has changed since.
        """
        options = self.options
        own = corpus is None
        text = open_corpus(
            options.corpus if own else corpus, options.encoding_errors, options.text_field
        )
        encoded = encode_corpus(
            text,
            self.tokenizer,
            vocabulary=self.vocabulary,
            max_tokens=options.max_tokens if own else None,
            validation_fraction=options.validation_fraction if own else 0.0,
        )
        if own:
            self.directory.check_corpus(encoded.fingerprint)
        return encoded

    def short_text(self, corpus: str, max_bytes: int) -> np.ndarray | None:
        """The ids of a corpus as an export's `score` reads them, or None if it is longer.

        `encode` frames a text as the training text was (`Tokenizer.document_edge`); `score` reads
        what it is given.

        Raises:
            InputError: the corpus cannot be read.
        """
        text = open_corpus(corpus, self.options.encoding_errors, self.options.text_field).text()
        read = ""
        for piece in text:
            read += piece
            if len(read.encode()) > max_bytes:
                return None
        return self.vocabulary.token_to_id(self.tokenizer.tokenize(read)).numpy()


def load_run(path: str | os.PathLike) -> TrainedRun:
    """Read a run directory.

    Raises:
        InputError: it is no run directory, or has no weights yet, or they do not fit.
    """
    directory = RunDirectory(Path(path).expanduser())
    if not directory.path.is_dir():
        raise InputError(f"`--run-dir` {path} is not a directory.")
    options = read_saved_options(directory.path)
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
        raise InputError(
            f"`--run-dir` {path}: its vocabulary or weights are damaged, or do not fit its "
            "config.json."
        ) from error
    return TrainedRun(directory, options, build_tokenizer(options), vocabulary, model)


def build_tokenizer(options: TrainingOptions) -> Tokenizer:
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
