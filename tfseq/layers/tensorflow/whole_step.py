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
_narrow: ContextVar[bool] = ContextVar("narrow", default=False)


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
def compiled_whole(narrow: bool = False) -> Iterator[None]:
    """While it is open, what is traced becomes one function that XLA compiles for a CPU.

    Args:
        narrow: whether `product` multiplies float32 in bfloat16.
    """
    tokens = _whole.set(True), _narrow.set(narrow)
    try:
        yield
    finally:
        _whole.reset(tokens[0])
        _narrow.reset(tokens[1])


def is_compiled_whole() -> bool:
    """Whether `compiled_whole()` is open."""
    return _whole.get()


def multiplies_narrow() -> bool:
    """Whether `compiled_whole(narrow=True)` is open."""
    return _narrow.get()


def product(a, b, transpose_b=False):
    """A B or A Bᵀ, of matrices; in a step compiled whole, its gradient is a `transposed_product`.

    Where `multiplies_narrow()`, the factors of a product of float32 are rounded to bfloat16, and so
    are those of its gradient; the sums are float32. XLA's CPU backend has fast products of bfloat16
    with such sums alone: where the sums are bfloat16 too, it multiplies in float32.
    """
    if a.dtype != tf.float32 or not is_compiled_whole():
        return tf.matmul(a, b, transpose_b=transpose_b)
    multiply = _narrow_product if multiplies_narrow() else tf.matmul

    @tf.custom_gradient
    def run(a, b):
        def gradient(d):
            factors = [d, a] if transpose_b else [a, d]
            return product(d, b, not transpose_b), transposed_product(*factors)

        return multiply(a, b, transpose_b=transpose_b), gradient

    return run(a, b)


def _narrow_product(a, b, transpose_b=False):
    x, y = tf.cast(a, tf.bfloat16), tf.cast(b, tf.bfloat16)
    return tf.raw_ops.BatchMatMulV3(x=x, y=y, Tout=tf.float32, adj_y=transpose_b)


def transposed_product(a, b):
    """Aᵀ B, for `[n, …]` and `[n, …]`.

    XLA takes a transposed A as it lies, by a slow path of its CPU backend: with some hundred
    columns, a product takes a third longer than after A has been laid out anew. It moves no
    transposition out of a branch, and does not see that this one is always taken; as it is chosen
    by B, the copy is not made before B is there.
    """
    if not is_compiled_whole():
        return tf.matmul(a, b, transpose_a=True)
    narrow = multiplies_narrow() and a.dtype == tf.float32
    a = tf.cast(a, tf.bfloat16) if narrow else a
    bits = tf.bitcast(tf.reshape(b, [-1])[0], {8: tf.int64, 4: tf.int32, 2: tf.int16}[b.dtype.size])
    always = tf.bitwise.bitwise_or(bits, tf.ones([], bits.dtype)) != 0
    a = tf.cond(always, lambda: tf.transpose(a), lambda: tf.zeros(a.shape[::-1], a.dtype))
    return _narrow_product(a, b) if narrow else tf.matmul(a, b)
