"""A language model measured by the workers of a cluster, which share the rows of a text."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.cluster.where import Where
from tfseq.errors import InputError
from tfseq.tasks.language_model.evaluation.evaluator import Evaluation, Evaluator
from tfseq.tasks.prediction.progress import Progress
from tfseq.tasks.prediction.spread import Doers
from tfseq.tasks.task import Task

# Windows that a worker reads before it hands the states back: a few seconds of work, which is what
# is lost where a worker dies.
_WINDOWS_A_PART = 64


def check_workers(where: Where, num_rows: int) -> None:
    """Raise InputError where there are more workers than rows that are read side by side."""
    if where.workers is not None and where.workers > num_rows:
        raise InputError(
            "`workers` must be at most the rows as which the text is read side by side, of which "
            f"there are {num_rows}: `batch_size`, or fewer where the text is short. Received: "
            f"{where.workers}."
        )


def evaluate_text(
    task: Task, ids: np.ndarray, context: int | None, batch_size: int, where: Where, doers: Doers
) -> Evaluation:
    """What `Evaluator` measures, here or by workers, each of which reads some of the rows.

    A row is read from left to right, its state carried along, and no row needs another. So the sum
    is that of one process, up to the order in which it is added up.

    Args:
        task, ids, context, batch_size: as for `Evaluator`.
        where: where the work is done.
        doers: what does it there.

    Raises:
        InputError: the cluster cannot be used any more; or there are more workers than rows.
    """
    evaluator = Evaluator(task.model, batch_size)
    if where.cluster is None:
        return evaluator(ids, context)
    num_rows = evaluator.num_rows(ids)
    check_workers(where, num_rows)
    progress = Progress(where.log, "tokens")
    groups = _Groups(evaluator, ids, context, min(doers.most, num_rows))
    for group, (total, count, states) in doers.answers(_read_on, groups.parts()):
        groups.has_read(group, total, count, states)
        progress.done(count)
    progress.end("evaluated")
    return Evaluation(sum(groups.totals) / sum(groups.counts), sum(groups.counts))


class _Groups:
    """Rows in groups, each of which is read in parts, one after the other.

    Attributes:
        totals, counts: of each group, the sum of −log P so far and the tokens.
    """

    def __init__(self, evaluator: Evaluator, ids: np.ndarray, context: int | None, num_groups: int):
        edges = [evaluator.num_rows(ids) * group // num_groups for group in range(num_groups + 1)]
        pairs = itertools.pairwise(edges)
        self._windows = [
            iter(evaluator.windows(ids, context, rows).batch(_WINDOWS_A_PART).as_numpy_iterator())
            for rows in pairs
        ]
        self._states: list[Any] = [None] * num_groups
        self._ready = list(range(num_groups))
        self.totals, self.counts = [0.0] * num_groups, [0] * num_groups

    def parts(self) -> Iterator[tuple[int, tuple] | None]:
        """The next part of each group that waits for none; None while all of them do."""
        left = len(self._windows)
        while left:
            if not self._ready:
                yield None
                continue
            group = self._ready.pop(0)
            if (windows := next(self._windows[group], None)) is None:
                left -= 1
            else:
                yield group, (self._states[group], *windows)

    def has_read(self, group: int, total: float, count: int, states: Any) -> None:
        """Take what a part has given."""
        self.totals[group] += total
        self.counts[group] += count
        self._states[group] = states
        self._ready.append(group)


def _read_on(
    task: Any, states: Any, inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> tuple[float, int, Any]:
    """`Evaluator.read_on` in a worker, with arrays for tensors: windows `[N, B, T]`."""
    windows = zip(inputs, targets, weights, strict=True)
    states = tf.nest.map_structure(tf.constant, states) if states is not None else None
    if not hasattr(task, "_evaluator"):
        task._evaluator = Evaluator(task.model)  # Traced once.
    total, count, states = task._evaluator.read_on(windows, states)
    return total, count, tf.nest.map_structure(lambda state: state.numpy(), states)
