"""Processes of a Ray cluster that load a trained model once each, and are given part after part."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tfseq.cluster.connection import connect
from tfseq.errors import InputError
from tfseq.tasks.prediction.answers import Rows, answered_rows

# Parts queued at each worker, so that it does not wait for the next.
_PARTS_A_WORKER = 2
# A worker whose process or machine is killed is started so many times again.
_MOST_RESTARTS = 10


class _Worker:
    """Loads a task once, and answers."""

    def __init__(self, run_dir: str):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tensorflow as tf

        import tfseq

        # One CPU is what it was given.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._task = tfseq.load(run_dir)

    def answer(self, rows: Rows, settings: Mapping[str, Any]) -> list[dict[str, Any]] | InputError:
        """The rows, or what is wrong with them."""
        try:
            return answered_rows(self._task, rows, settings)
        except InputError as error:
            return error


def workers(
    run_dir: Path,
    parts: Iterable[tuple[int, Rows]],
    settings: Mapping[str, Any],
    cluster: str,
    num_workers: int | None,
    log: Callable[[str], None],
) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The rows of each part, in the order in which they are done.

    A part whose worker is killed is done by the one that takes its place. Parts are read as they
    are needed: a few for each worker are in memory.

    Raises:
        InputError: as `predict_file`; or a machine of the cluster cannot load the run.
    """
    with connect(cluster, num_cpus=num_workers, log=log) as connection:
        import ray

        if num_workers and num_workers > connection.num_cpus:
            raise InputError(
                "`num_workers` must be at most the CPUs of the cluster, "
                f"{connection.num_cpus}. Received: {num_workers}."
            )
        kind = ray.remote(num_cpus=1, max_restarts=_MOST_RESTARTS, max_task_retries=_MOST_RESTARTS)(
            _Worker
        )
        actors = [
            kind.remote(str(run_dir.resolve())) for _ in range(num_workers or connection.num_cpus)
        ]
        waiting, turns = {}, iter(parts)
        idle = actors * _PARTS_A_WORKER
        try:
            while True:
                while idle and (part := next(turns, None)):
                    number, rows = part
                    actor = idle.pop(0)
                    waiting[actor.answer.remote(rows, settings)] = number, actor
                if not waiting:
                    return
                (answer,), _ = ray.wait(list(waiting))
                number, actor = waiting.pop(answer)
                found = ray.get(answer)
                if isinstance(found, InputError):
                    raise found
                idle.append(actor)
                yield number, found
        finally:
            for actor in actors:
                ray.kill(actor)
