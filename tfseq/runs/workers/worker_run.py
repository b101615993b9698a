"""One worker's part of a run."""

import contextlib
from typing import TYPE_CHECKING

from tfseq.files.checkpoint import load_latest_checkpoint
from tfseq.runs.determinism import deterministic_operations

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfseq.files.checkpoint import Checkpoint
    from tfseq.runs.training_run import TrainingRun

_LOCK = ".workers.lock"
# How long workers whose driver was killed may take to end.
_SECONDS = 90.0


def train_with_others(
    run: "TrainingRun",
    start: "Callable[[], Checkpoint]",
    begins: "Callable[[int], None]" = lambda step: None,
) -> None:
    """Train a run, whose directory is there, to its end, and leave its last checkpoint there.

    Every worker calls this with a run of the same options. All begin where worker 0 says, which
    reads the last checkpoint: it may be one of any number of workers.

    Args:
        run: of `tfseq.runs.workers.workers.working_with` the others.
        start: gives what worker 0 begins from where the run has no checkpoint.
        begins: called by worker 0 with the number of the step that it begins after.

    Raises:
        InputError: workers of an earlier start are still there.
    """
    trainer, workers, directory = run.trainer, run.trainer.workers, run.directory
    checkpoint = None
    with contextlib.ExitStack() as stack:
        if workers.rank == 0:
            stack.enter_context(directory.locked(_LOCK, seconds=_SECONDS))
            directory.remove_leftovers()
            checkpoint, _ = load_latest_checkpoint(directory.checkpoints)
            checkpoint = checkpoint or start()
            begins(checkpoint.step)
        stack.enter_context(deterministic_operations())
        trainer.restore(workers.shared(checkpoint))
        run.train()
    if workers.rank == 0:
        (directory.path / _LOCK).unlink(missing_ok=True)
