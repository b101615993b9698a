"""A training step that XLA compiles as a whole, and what recurrent layers have to do with it."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import NamedTuple

import tensorflow as tf


class Loop(NamedTuple):
    """A loop over time that a trace has.

    Attributes:
        kind: what `layer.last_loop` says once the training step is compiled as a whole.
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


def product(a, b, transpose_b=False):
    """A B or A Bᵀ, of matrices.

    XLA's CPU backend multiplies bfloat16 with the processor's own instructions only where the
    result is float32, and otherwise as slowly as float32. So this takes the sums in float32 and
    rounds them.
    """
    if a.dtype != tf.bfloat16 or not is_compiled_whole():
        return tf.matmul(a, b, transpose_b=transpose_b)

    @tf.custom_gradient
    def rounded(a, b):
        def gradient(d):
            factors = [d, a] if transpose_b else [a, d]
            return product(d, b, not transpose_b), transposed_product(*factors)

        sums = tf.raw_ops.BatchMatMulV3(x=a, y=b, Tout=tf.float32, adj_y=transpose_b)
        return tf.cast(sums, a.dtype), gradient

    return rounded(a, b)


def transposed_product(a, b):
    """Aᵀ B, for `[n, …]` and `[n, …]`.

    XLA takes a transposed A as it lies, by a slow path of its CPU backend: with some hundred
    columns, a product takes a third longer than after A has been laid out anew. It moves no
    transposition out of a branch, and does not see that this one is always taken.
    """
    if not is_compiled_whole():
        return tf.matmul(a, b, transpose_a=True)
    bits = tf.bitcast(tf.reshape(a, [-1])[0], {4: tf.int32, 2: tf.int16}[a.dtype.size])
    always = tf.bitwise.bitwise_or(bits, tf.ones([], bits.dtype)) != 0
    a = tf.cond(always, lambda: tf.transpose(a), lambda: tf.zeros(a.shape[::-1], a.dtype))
    return product(a, b)


def as_stored(tensor):
    """`tensor` as a loop stores it: bfloat16 by its bits.

    XLA's CPU backend writes a row into an array of bfloat16 by making float32 of the whole array
    and bfloat16 of that, at each step.
    """
    return as_read(tensor, stored_dtype(tensor.dtype))


def as_read(stored, dtype):
    """The tensor of `dtype` that has the bits of `stored`."""
    return stored if stored.dtype == dtype else tf.bitcast(stored, dtype)


def stored_dtype(dtype):
    """The dtype of `as_stored` of a tensor of `dtype`."""
    return tf.uint16 if dtype == tf.bfloat16 and is_compiled_whole() else dtype
