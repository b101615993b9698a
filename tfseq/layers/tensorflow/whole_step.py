"""A training step that XLA compiles as a whole, and what recurrent layers have to do with it."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import NamedTuple

import tensorflow as tf


class Loop(NamedTuple):
    """A loop over time that a trace has.

    Attributes:
        kind: what `layer.last_loop` says.
        num_parts: the parts of the batch that run beside each other.
    """

    kind: str
    num_parts: int


_loops: ContextVar[list[Loop] | None] = ContextVar("loops", default=None)
_whole: ContextVar[bool] = ContextVar("whole", default=False)


@contextlib.contextmanager
def loops_listed() -> Iterator[list[Loop]]:
    """Yields a list of the loops that are traced while it is open."""
    loops: list[Loop] = []
    token = _loops.set(loops)
    try:
        yield loops
    finally:
        _loops.reset(token)


def list_loop(kind: str, num_parts: int = 1) -> None:
    """Adds a loop to the list, if there is one."""
    loops = _loops.get()
    if loops is not None:
        loops.append(Loop(kind, num_parts))


@contextlib.contextmanager
def compiled_whole() -> Iterator[None]:
    """While it is open, what is traced becomes one function that XLA compiles for a CPU."""
    token = _whole.set(True)
    try:
        yield
    finally:
        _whole.reset(token)


def is_compiled_whole() -> bool:
    """Whether `compiled_whole()` is open."""
    return _whole.get()


def transposed_product(a, b):
    """Aᵀ B, for `[n, …]` and `[n, …]`.

    XLA takes a transposed A as it lies, by a slow path of its CPU backend: with some hundred
    columns, a product takes a third longer than after A has been laid out anew. It moves no
    transposition out of a branch, and does not see that this one is always taken; as it is chosen
    by B, the copy is not made before B is there.
    """
    if not is_compiled_whole():
        return tf.matmul(a, b, transpose_a=True)
    bits = tf.bitcast(tf.reshape(b, [-1])[0], {4: tf.int32, 2: tf.int16}[b.dtype.size])
    always = tf.bitwise.bitwise_or(bits, tf.ones([], bits.dtype)) != 0
    a = tf.cond(always, lambda: tf.transpose(a), lambda: tf.zeros(a.shape[::-1], a.dtype))
    return tf.matmul(a, b)
