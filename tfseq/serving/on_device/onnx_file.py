"""One step of a language model as an ONNX file, by tf2onnx."""

import logging
import warnings
from types import ModuleType

from tfseq.errors import InputError
from tfseq.layers import portable_loops
from tfseq.models import LanguageModel
from tfseq.serving.on_device.step_function import in_float32, step_function

_OPSET = 18


def onnx_files(model: LanguageModel) -> dict[str, bytes]:
    """An ONNX file of `token_ids` int32 [1] and states to logits and states.

    A new state is called `new_` and the state's name: tf2onnx takes no name twice.

    Args:
        model: the model; one that computes in half precision is converted in float32.

    Returns:
        The content of the file of each kind of weights: `float32`.

    Raises:
        InputError: tf2onnx is not installed, or has no operation for something that a cell does.
    """
    tf2onnx = import_tf2onnx()
    import onnx

    model = in_float32(model)
    with portable_loops(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        step = step_function(model, "new_{}".format)
        # It logs each operation that there is not, and goes on.
        logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
        converted, _ = tf2onnx.convert.from_function(
            step, input_signature=step.input_signature, opset=_OPSET
        )
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    missing = sorted({node.op_type for node in converted.graph.node} - known)
    if missing:
        raise InputError(
            "tf2onnx cannot convert this model, whose cell needs what it has no operation for: "
            f"{', '.join(missing)}."
        )
    return {"float32": converted.SerializeToString()}


def import_tf2onnx() -> ModuleType:
    """Raises InputError where a package of the extra `onnx` is missing."""
    try:
        import onnxruntime  # noqa: F401  The file is measured with it.
        import tf2onnx
    except ImportError as error:
        raise InputError(
            f'`format` onnx needs the package {error.name}: `pip install "tfseq[onnx]"`.'
        ) from None
    return tf2onnx
