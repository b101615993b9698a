"""The cluster that an option names, for the text of a run."""

import contextlib
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfseq.cluster.connection import check_address, connect
from tfseq.cluster.file_check import check_files
from tfseq.cluster.stage_progress import StageProgress
from tfseq.cluster.tasks import InThisProcess, OnCluster
from tfseq.cluster.text_sample import training_sample
from tfseq.cluster.text_stage import PIECE_BYTES, TextStage
from tfseq.files.store import Store, is_url
from tfseq.text import Corpus
from tfseq.text.corpora.corpus_opening import CorpusFiles


class TextCluster:
    """Encodes texts on a cluster; connected to it only for as long as there is a text to encode.

    Args:
        address: `auto`, or `host:port`.
        log: where messages go.

    Raises:
        InputError: Ray is not installed, or none answers at the address.
    """

    def __init__(self, address: str, log: Callable[[str], None] = lambda line: None):
        check_address(address)
        self._address, self._log = address, log

    @contextlib.contextmanager
    def runner(
        self, source: CorpusFiles, place: str | os.PathLike | None = None
    ) -> Iterator[tuple[OnCluster, StageProgress]]:
        """What does tasks over files, and is told of them, for as long as the block lasts.

        Args:
            source: the files that tasks read.
            place: where they write, if anywhere; a directory that is not there is made.

        Raises:
            InputError: a node does not see a file, or the place.
        """
        with _random_state_kept(), connect(self._address, log=self._log) as connection:
            shared = None
            if place is not None and not is_url(place):
                shared = Path(place)
                shared.mkdir(parents=True, exist_ok=True)
            check_files(source.files, shared)
            yield OnCluster(str(connection.logs)), StageProgress(self._log, sys.stderr)

    def sample(
        self, source: CorpusFiles, fractions: tuple[float, float], most: int | None, **how: Any
    ) -> tuple[int, list[str]]:
        """The characters of a training split, and stretches of them: see `training_sample`."""
        with self.runner(source) as (runner, _):
            return training_sample(runner, source, fractions, most, piece_bytes=PIECE_BYTES, **how)

    def write(self, directory: Path, work: Store, corpus: Corpus, *settings: Any) -> None:
        """A `write` of `encode_corpus`."""
        if corpus.source is None:
            TextStage(InThisProcess(), log=self._log)(directory, work, corpus, *settings)
            return
        place = work.place.rpartition("/")[0]
        with self.runner(corpus.source, place) as (runner, progress):
            stage = TextStage(runner, log=self._log, progress=progress)
            stage(directory, work, corpus, *settings)


@contextlib.contextmanager
def _random_state_kept() -> Iterator[None]:
    """Ray draws from Python's generator, from which Keras draws a model's first weights."""
    state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
