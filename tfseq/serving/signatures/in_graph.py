"""Whether a tokenizer of anyone's own can be part of an export: it must work without Python."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfseq.errors import InputError
from tfseq.serving.operations import forbidden_operations

#: The advice before a training that would end with an export.
OR_NO_EXPORT = " Add `export=False` to train without an export."


def check_in_graph(tokenizer: Any, *methods: str, advice: str = "") -> None:
    """Trace what an export needs of a tokenizer, and look at the operations that come of it.

    That is `tokenize`, string [B] to a RaggedTensor string [B, (T)], or `detokenize`, the way back,
    or `join` of two string [B] where it has one, or all of them. Raises InputError, which says why
    and ends with the advice, if one is not in-graph.

    >>> class Letters:
    ...     def tokenize(self, strings):
    ...         return tf.ragged.constant([list(text) for text in strings.numpy()])
    >>> check_in_graph(Letters(), "tokenize")
    Traceback (most recent call last):
    tfseq.errors.InputError: `tokenizer` must be in-graph to be exported, for a server has no
    Python: Letters.tokenize cannot be traced: AttributeError: 'SymbolicTensor' object has no
    attribute 'numpy'.
    """
    texts, tokens = tf.TensorSpec([None], tf.string), tf.RaggedTensorSpec([None, None], tf.string)
    ways = {
        "tokenize": ([texts], tokens),
        "detokenize": ([tokens], texts),
        "join": ([texts, texts], texts),
    }
    tokenizer = getattr(tokenizer, "own", tokenizer)
    for method in methods:
        if method == "join" and not hasattr(tokenizer, method):
            continue
        reason = _fault(getattr(tokenizer, method, None), *ways[method])
        if reason:
            raise InputError(
                "`tokenizer` must be in-graph to be exported, for a server has no Python: "
                f"{type(tokenizer).__name__}.{method} {reason}.{advice}"
            )


def _fault(method: Callable | None, given: list[tf.TypeSpec], wanted: tf.TypeSpec) -> str | None:
    if method is None:
        return "is missing"
    try:
        traced = tf.function(method, input_signature=given, autograph=False)
        traced = traced.get_concrete_function()
        result = tf.type_spec_from_value(traced.structured_outputs)
    # Whatever a person's own code raises.
    except Exception as error:
        said = str(error).strip().splitlines() or [""]
        return f"cannot be traced: {type(error).__name__}: {said[0].rstrip('.')}"
    for problem in forbidden_operations(traced.graph.as_graph_def()):
        return f"needs {problem}"
    alike = type(result) is type(wanted) and (
        (result.dtype, result.shape.rank) == (wanted.dtype, wanted.shape.rank)
    )
    return None if alike else f"must return a {wanted}, and returns a {result}"
