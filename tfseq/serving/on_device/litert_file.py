"""One step of a language model as a LiteRT file, in float32 and with weights of eight bits."""

import contextlib
import re
from pathlib import Path

import tensorflow as tf

from tfseq.errors import InputError
from tfseq.layers import portable_loops
from tfseq.models import LanguageModel
from tfseq.serving.on_device.step_function import in_float32, step_function


def litert_files(model: LanguageModel, directory: Path) -> dict[str, bytes]:
    """LiteRT files of the signature `step`: `token_ids` int32 [1] and states to logits and states.

    `int8` is dynamic-range quantization: matrices of 1,024 numbers and more are kept as eight-bit
    integers with a scale for each row, or for the whole table where rows are looked up; what goes
    through them is float32 outside of the products.

    Args:
        model: the model; one that computes in half precision is converted in float32.
        directory: where a SavedModel may lie for the time it takes.

    Returns:
        The content of the file of each kind of weights, `float32` and `int8`.

    Raises:
        InputError: LiteRT has no operation for something that a cell of one's own does.
    """
    model = in_float32(model)
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    with portable_loops(), _named_errors():
        step = step_function(model, lambda state: state)
        tf.saved_model.save(module, str(directory), signatures={"step": step})
        return {kind: _convert(directory, kind == "int8") for kind in ("float32", "int8")}


def _convert(directory: Path, quantized: bool) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(directory), signature_keys=["step"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantized:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


@contextlib.contextmanager
def _named_errors():
    """What the converter reports on many lines, as one that names the operations."""
    try:
        yield
    except Exception as error:
        # The converter's class is private.
        if type(error).__name__ != "ConverterError":
            raise
        operations = sorted(set(re.findall(r"tf\.(\w+)\(", str(error))))
        named = ", ".join(operations) or str(error).splitlines()[0]
        raise InputError(
            f"LiteRT cannot run this model, whose cell needs what it has no operation for: {named}."
        ) from error
