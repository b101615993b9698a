"""A line a minute on how far several workers have come."""

import contextlib
from collections.abc import Callable, Iterator, Mapping

from tfseq.runs.progress import Progress
from tfseq.runs.steps.clock import Clock


@contextlib.contextmanager
def minute_lines(
    progress: Progress, log: Callable[[str], None], targets: str, seconds: float = 60.0
) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """Yields what takes the metrics of a step, and logs a line once in so many seconds.

    Args:
        progress: of the training; of process 0, which has the counts of all.
        log: where lines go.
        targets: what a target is called, in the plural.
        seconds: between two lines.

    >>> progress = Progress(epoch=1, batch=40, num_targets=8000, seconds=4.0)
    >>> with minute_lines(progress, print, "tokens", seconds=0.0) as update:
    ...     update({"train_loss": 1.25})
    epoch 2, step 40: loss 1.2500, 2,000 tokens/s
    """
    clock = Clock(seconds)
    before = sum(row["seconds"] for row in progress.history)

    def update(metrics: Mapping[str, float]) -> None:
        if clock.due():
            speed = progress.num_targets / max(progress.seconds - before, 1e-9)
            log(
                f"epoch {progress.epoch + 1}, step {progress.batch}: loss "
                f"{metrics['train_loss']:.4f}, {speed:,.0f} {targets}/s"
            )

    yield update
