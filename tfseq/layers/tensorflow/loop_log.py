"""Which loops a trace has."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import NamedTuple


class Loop(NamedTuple):
    """One call of a recurrent layer.

    Attributes:
        kind: what `layer.last_loop` says.
        num_parts: the parts of the batch that run beside each other.
    """

    kind: str
    num_parts: int


_log: ContextVar[list[Loop] | None] = ContextVar("loops", default=None)


@contextlib.contextmanager
def loops_logged() -> Iterator[list[Loop]]:
    """Yields a list of the loops that are traced in the block."""
    loops: list[Loop] = []
    token = _log.set(loops)
    try:
        yield loops
    finally:
        _log.reset(token)


def log_loop(kind: str, num_parts: int = 1) -> None:
    """Add a loop to the list of the block, if there is one."""
    loops = _log.get()
    if loops is not None:
        loops.append(Loop(kind, num_parts))
