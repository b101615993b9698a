"""One step of a language model for one text at a time, as a function that can be converted."""

from collections.abc import Callable

import tensorflow as tf

from tfseq.models import LanguageModel
from tfseq.serving.signatures.state_specs import one_step, state_specs


def step_function(model: LanguageModel, output_name: Callable[[str], str]) -> Callable:
    """`token_ids` int32 [1] and the states -> `logits` float32 [1, V] and the new states.

    Args:
        model: the model, which computes in float32.
        output_name: the name of a new state, given that of the state.
    """
    states = [
        tf.TensorSpec([1, *spec.shape[1:]], spec.dtype, spec.name) for spec in state_specs(model)
    ]

    def step(token_ids, *states):
        outputs = one_step(model, token_ids, states)
        logits = outputs.pop("logits")
        return {"logits": logits, **{output_name(name): s for name, s in outputs.items()}}

    signature = [tf.TensorSpec([1], tf.int32, "token_ids"), *states]
    return tf.function(step, input_signature=signature, autograph=False)


def in_float32(model: LanguageModel) -> LanguageModel:
    """The model, or one of the same weights that computes in float32."""
    if model.compute_dtype == "float32":
        return model
    copy = type(model).from_config({**model.get_config(), "dtype": "float32"})
    copy.set_weights(model.get_weights())
    return copy
