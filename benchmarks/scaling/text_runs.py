"""A text encoded by one process, or by a cluster of this machine: one run, timed.

It is run as a process: `python text_runs.py '{"text": PATH, "tokenizer": KIND, "work": PLACE,
"workers": N, "piece_bytes": B}'` prints a line of JSON. With 0 workers one process encodes the text
as it does without a cluster; with -1, it does so on one thread.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from tfseq.cluster.text.stage_progress import StageProgress

_EMPTY_TASKS = 200


class Seconds(StageProgress):
    """Notes how long each stage takes."""

    def __init__(self):
        super().__init__()
        self.of_stage: dict[str, float] = {}

    def begin(self, stage: str, tasks: int, size: int = 0) -> None:
        super().begin(stage, tasks, size)
        self._name, self._start = stage, time.perf_counter()

    def end(self) -> None:
        super().end()
        more = time.perf_counter() - self._start
        self.of_stage[self._name] = self.of_stage.get(self._name, 0.0) + more


def load(number: int) -> str:
    """What a worker does first: it loads what tasks need."""
    import tfseq.data.pieces.piece_sums  # noqa: F401

    return os.path.basename(sys.executable)


def nothing(number: int) -> None:
    """A task that takes no time."""


def peak(number: int) -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def encode(text: str, tokenizer: str, place: str, write: Any = None) -> float:
    """Seconds to encode a text that has not been encoded before."""
    from tfseq.data import encode_corpus
    from tfseq.text import make_tokenizer, open_corpus

    start = time.perf_counter()
    encode_corpus(
        open_corpus(text), make_tokenizer({"kind": tokenizer}), cache_dir=place, write=write
    )
    return time.perf_counter() - start


def on_cluster(
    text: str, tokenizer: str, work: str, workers: int, piece_bytes: int
) -> dict[str, Any]:
    from tfseq.cluster.connection import connect
    from tfseq.cluster.tasks import OnCluster
    from tfseq.cluster.text.text_stage import TextStage

    start = time.perf_counter()
    with connect("auto", num_cpus=workers, dashboard=False) as connection:
        connected = time.perf_counter()
        runner, progress = OnCluster(str(connection.logs)), Seconds()
        runner.map(load, range(workers))
        begun = time.perf_counter()
        stage = TextStage(runner, piece_bytes, progress=progress)
        seconds = encode(text, tokenizer, work, stage)
        before = time.process_time()
        runner.map(nothing, range(_EMPTY_TASKS))
        task = (time.process_time() - before) / _EMPTY_TASKS
        peaks = runner.map(peak, range(8 * workers))
        ended = time.perf_counter()
    return {
        "seconds": seconds,
        "stages": progress.of_stage,
        "connect": connected - start,
        "load": begun - connected,
        "end": time.perf_counter() - ended,
        "task": task,
        "peak_mb": max(peaks),
    }


def main(text: str, tokenizer: str, work: str, workers: int, piece_bytes: int) -> None:
    if workers > 0:
        print(json.dumps(on_cluster(text, tokenizer, work, workers, piece_bytes)))
        return
    import tensorflow as tf

    from tfseq.text.counting import on_threads

    number = 1 if workers else None
    if number:
        tf.config.threading.set_intra_op_parallelism_threads(number)
        tf.config.threading.set_inter_op_parallelism_threads(number)
    warm_up = Path(work, "warm_up.txt")
    warm_up.write_text("the first words\n" * 1000)
    with on_threads(number):
        encode(str(warm_up), tokenizer, work)
        print(json.dumps({"seconds": encode(text, tokenizer, work)}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
