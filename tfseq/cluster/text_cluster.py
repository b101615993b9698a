"""The cluster that an option names, for the text of a run."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfseq.cluster.connection import check_address, connect
from tfseq.cluster.file_check import check_files
from tfseq.cluster.stage_progress import StageProgress
from tfseq.cluster.tasks import OnCluster
from tfseq.cluster.text_sample import training_sample
from tfseq.cluster.text_stage import PIECE_BYTES, TextStage
from tfseq.files.store import is_url
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

    def sample(
        self, source: CorpusFiles, fractions: tuple[float, float], most: int | None, **how: Any
    ) -> tuple[int, list[str]]:
        """The characters of a training split, and stretches of them: see `training_sample`."""
        with connect(self._address, log=self._log) as connection:
            check_files(source.files)
            runner = OnCluster(str(connection.logs))
            return training_sample(runner, source, fractions, most, piece_bytes=PIECE_BYTES, **how)

    def write(self, directory, work, corpus: Corpus, *settings: Any) -> None:
        """A `write` of `encode_corpus`."""
        with connect(self._address, log=self._log) as connection:
            if corpus.source is not None:
                shared = None if is_url(work.place) else Path(work.place).parent
                check_files(corpus.source.files, shared)
            stage = TextStage(
                OnCluster(str(connection.logs)),
                log=self._log,
                progress=StageProgress(self._log, sys.stderr),
            )
            stage(directory, work, corpus, *settings)
