"""Asking for loops that run without XLA and without cuDNN, as an export needs them."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_portable = ContextVar("portable_loops", default=False)


@contextlib.contextmanager
def portable_loops() -> Iterator[None]:
    """While it is open, `tfseq.RNN` traces loops of plain operations, which run everywhere.

    Without it, a loop traced with `training=True` may be compiled by XLA, and on a GPU it may be a
    cuDNN kernel; TensorFlow Serving runs neither on a machine without them. Open it around
    `model.export(...)` or `tf.saved_model.save(...)` of a model that is called with
    `training=True`. A `tf.function` that was traced before keeps what it was traced with.

    Example:

        >>> with portable_loops():
        ...     in_portable_loops()
        True
    """
    token = _portable.set(True)
    try:
        yield
    finally:
        _portable.reset(token)


def in_portable_loops() -> bool:
    """Whether `portable_loops()` is open."""
    return _portable.get()
