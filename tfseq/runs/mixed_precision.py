"""Training in mixed precision: where it is fast, and how."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

_PROCESSOR = Path("/proc/cpuinfo")
# What a processor calls its instructions that multiply bfloat16.
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}


def why_not_faster(precision: str, batch_spec: Any) -> str | None:
    """A sentence that says that training in `precision` is no faster than in float32, or None.

    It goes by what the machine has, not by a clock: it says the same each time.

    Args:
        precision: as the options have it.
        batch_spec: of the batches. XLA compiles a training step for those of one size.
    """
    if precision == "float32" or tf.config.get_visible_devices("GPU"):
        return None
    if not all(spec.shape.is_fully_defined() for spec in tf.nest.flatten(batch_spec)):
        return (
            "mixed_bfloat16 is no faster than float32 for this task on a CPU, and may be slower: "
            "its batches differ in size, and XLA compiles no training step for them."
        )
    if not _INSTRUCTIONS & _processor_flags():
        return (
            "mixed_bfloat16 is slower than float32 on this processor, which has no instructions "
            "for it (avx512_bf16 or amx_bf16)."
        )
    return None


def _processor_flags() -> set[str]:
    """What the processor can do, as Linux lists it; nothing on other systems."""
    try:
        return set(_PROCESSOR.read_text().split())
    except OSError:
        return set()


@contextlib.contextmanager
def computing_in_float32(model: keras.Model) -> Iterator[None]:
    """While it is open, layers of `model` that compute in bfloat16 are traced in float32.

    For a CPU, where XLA compiles a training step as a whole: only its products are of bfloat16
    then, and their sums, states and gates are float32. XLA makes float32 of bfloat16 and back for
    everything else, at each step of a loop even of a whole array that a row is written into.
    """
    # Keras has no public way to all layers of a model.
    layers = model._flatten_layers()
    narrow = [layer for layer in layers if layer.dtype_policy.name == "mixed_bfloat16"]
    policies = [layer.dtype_policy for layer in narrow]
    try:
        for layer in narrow:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in zip(narrow, policies, strict=True):
            layer.dtype_policy = policy
