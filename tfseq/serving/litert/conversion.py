"""One step of a language model as a LiteRT file, in float32 and with weights of eight bits."""

import contextlib
import re
import warnings
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfseq.errors import InputError
from tfseq.layers import portable_loops
from tfseq.models import LanguageModel
from tfseq.serving.signatures.state_specs import one_step, state_specs

#: The files of an export, by what their weights are.
MODEL_FILES = {"float32": "model_float32.tflite", "int8": "model_int8.tflite"}


def convert_step(model: LanguageModel, directory: Path) -> dict[str, bytes]:
    """LiteRT files of the signature `step`: `token_ids` int32 [1] and states to logits and states.

    `int8` is dynamic-range quantization: matrices of 1,024 numbers and more are kept as eight-bit
    integers with a scale for each row, or for the whole table where rows are looked up; what goes
    through them is float32 outside of the products.

    Args:
        model: the model; one that computes in half precision is converted in float32.
        directory: where a SavedModel may lie for the time it takes.

    Returns:
        The content of each of `MODEL_FILES`, by name.

    Raises:
        InputError: LiteRT has no operation for something that a cell of one's own does.
    """
    model = in_float32(model)
    specs = [
        tf.TensorSpec([1, *spec.shape[1:]], spec.dtype, spec.name) for spec in state_specs(model)
    ]
    token_ids = tf.TensorSpec([1], tf.int32, "token_ids")
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    with portable_loops(), _named_errors():
        step = tf.function(
            lambda ids, *states: one_step(model, ids, states),
            input_signature=[token_ids, *specs],
            autograph=False,
        )
        tf.saved_model.save(module, str(directory), signatures={"step": step})
        return {name: _convert(directory, name == "int8") for name in MODEL_FILES}


def in_float32(model: LanguageModel) -> LanguageModel:
    """The model, or one of the same weights that computes in float32."""
    if model.compute_dtype == "float32":
        return model
    copy = type(model).from_config({**model.get_config(), "dtype": "float32"})
    copy.set_weights(model.get_weights())
    return copy


def open_interpreter(content: bytes) -> Any:
    """An interpreter of one thread, of ai-edge-litert or else of TensorFlow."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        Interpreter = tf.lite.Interpreter
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*tf.lite.Interpreter is deprecated", UserWarning)
        return Interpreter(model_content=content, num_threads=1)


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
