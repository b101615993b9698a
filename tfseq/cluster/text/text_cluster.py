"""The cluster that an option names, for the text of a run."""

import contextlib
import os
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfseq.cluster.connection import Connection, check_address, connect
from tfseq.cluster.file_check import check_files
from tfseq.cluster.tasks import InThisProcess, OnCluster
from tfseq.cluster.text.naming_lines import NamingLines
from tfseq.cluster.text.stage_progress import StageProgress
from tfseq.cluster.text.stage_tasks import StageTasks
from tfseq.cluster.text.text_sample import training_sample
from tfseq.cluster.text.text_stage import PIECE_BYTES, TextStage
from tfseq.errors import InputError
from tfseq.files.result_directory import obstacle
from tfseq.files.store import Store, is_url
from tfseq.text import Corpus
from tfseq.text.corpora.corpus_opening import CorpusFiles


@contextlib.contextmanager
def text_cluster(
    address: str | None, log: Callable[[str], None] = lambda line: None
) -> Iterator["TextCluster | None"]:
    """A `TextCluster` for as long as the block lasts; None where there is no address."""
    if address is None:
        yield None
        return
    with contextlib.ExitStack() as stack:
        yield TextCluster(address, log, stack)


class TextCluster:
    """Encodes texts on a cluster; connected to it from `check` on where it runs already.

    One that has to be started here is started for the first text that has to be encoded.

    Args:
        address: `auto`, or `host:port`.
        log: where messages go.
        stack: ends the connection.

    Raises:
        InputError: Ray is not installed, or none answers at the address.
    """

    def __init__(self, address: str, log: Callable[[str], None], stack: contextlib.ExitStack):
        self._runs = check_address(address)
        self._address, self._log, self._stack = address, log, stack
        self._connection: Connection | None = None

    def check(self, corpora: Iterable[Corpus], place: str | os.PathLike) -> None:
        """See whether a cluster that runs already can do the work, before any text is read.

        Args:
            corpora: the texts; those that come from no files are not encoded there.
            place: where they are kept.

        Raises:
            InputError: a node has other versions, or does not see a file or the place.
        """
        files = [file for corpus in corpora if corpus.source for file in corpus.source.files]
        if self._runs and files:
            # A place that nobody may write to may hold the texts already.
            writable = is_url(place) or obstacle(place) is None
            self._checked_connection(files, place if writable else None)

    def runner(
        self, source: CorpusFiles, place: str | os.PathLike | None = None
    ) -> tuple[OnCluster, StageProgress]:
        """What does tasks over files, and is told of them.

        Args:
            source: the files that tasks read.
            place: where they write, if anywhere; a directory that is not there is made.

        Raises:
            InputError: a node does not see a file, or the place.
        """
        connection = self._checked_connection(source.files, place)
        return OnCluster(str(connection.logs), self._log), StageProgress(self._log, sys.stderr)

    def _checked_connection(
        self, files: Sequence[Path], place: str | os.PathLike | None
    ) -> Connection:
        if self._connection is None:
            self._stack.enter_context(_random_state_kept())
            connection = connect(self._address, log=self._log)
            self._connection = self._stack.enter_context(connection)
        shared = None
        if place is not None and not is_url(place):
            shared = Path(place)
            if (reason := obstacle(shared)) is not None:
                raise InputError(f"The cache directory {shared} cannot be written: {reason}.")
            shared.mkdir(parents=True, exist_ok=True)
        check_files(files, shared)
        return self._connection

    def sample(
        self, corpus: Corpus, fractions: tuple[float, float], most: int | None, **how: Any
    ) -> tuple[int, list[str]]:
        """The characters of a training split, and stretches of them: see `training_sample`."""
        runner, progress = self.runner(corpus.source)
        tasks = StageTasks(NamingLines(runner, corpus), progress)
        return training_sample(
            tasks, corpus.source, fractions, most, piece_bytes=PIECE_BYTES, **how
        )

    def write(self, directory: Path, work: Store, corpus: Corpus, *settings: Any) -> None:
        """A `write` of `encode_corpus`."""
        if corpus.source is None:
            TextStage(InThisProcess(), log=self._log)(directory, work, corpus, *settings)
            return
        place = work.place.rpartition("/")[0]
        runner, progress = self.runner(corpus.source, place)
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
