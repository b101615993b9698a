"""How far an epoch is, for the person who waits for it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping

import keras

_SHOWN = ("loss", "gradient_norm", "train_perplexity")


@contextlib.contextmanager
def progress_bar(
    num_steps: int, position: Callable[[], int]
) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """A Keras progress bar that takes each step's metrics; `num_steps` 0 shows none.

    Args:
        num_steps: steps in the epoch.
        position: gives the number of steps done.
    """
    if not num_steps:
        yield lambda metrics: None
        return
    bar = keras.utils.Progbar(num_steps, stateful_metrics=_SHOWN)
    yield lambda metrics: bar.update(
        position(), [(name, value) for name, value in metrics.items() if name in _SHOWN]
    )
