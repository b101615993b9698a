"""The states of a language model by name, and one step from states to states."""

from collections.abc import Sequence

import tensorflow as tf

from tfseq.cells.table import kind_of
from tfseq.models import LanguageModel


def state_specs(model: LanguageModel) -> list[tf.TensorSpec]:
    """What `step` takes and returns for each state, float32 whatever the model computes in.

    `state_0` is the first layer's; where a layer has several they are `state_0_0`, `state_0_1`,
    and for a built-in cell have their own names: `state_0_h` and `state_0_c` of an LSTM. A sequence
    begins with zeros.
    """
    specs = []
    for layer, (rnn, states) in enumerate(
        zip(model.stack.rnns, model.initial_states(1), strict=True)
    ):
        states, kind = tf.nest.flatten(states), kind_of(rnn.cell)
        names = kind.states if kind else range(len(states))
        parts = [f"_{name}" for name in names] if len(states) > 1 else [""]
        specs += [
            tf.TensorSpec([None, *state.shape[1:]], tf.float32, f"state_{layer}{part}")
            for part, state in zip(parts, states, strict=True)
        ]
    return specs


def one_step(
    model: LanguageModel, token_ids: tf.Tensor, states: Sequence[tf.Tensor]
) -> dict[str, tf.Tensor]:
    """One token more: the logits of the next, and the states to send with it, by their names.

    Args:
        model: the model.
        token_ids: int32 [B]; ids that there are not are `<unk>`.
        states: float32, in the order of `state_specs`.
    """
    nested = model.initial_states(1)
    states = [
        tf.cast(state, initial.dtype)
        for state, initial in zip(states, tf.nest.flatten(nested), strict=True)
    ]
    known = (token_ids >= 0) & (token_ids < model.vocabulary_size)
    logits, states = model.step(
        tf.where(known, token_ids, 0), tf.nest.pack_sequence_as(nested, states)
    )
    return {
        "logits": tf.cast(logits, tf.float32),
        **{
            spec.name: tf.cast(state, spec.dtype)
            for spec, state in zip(state_specs(model), tf.nest.flatten(states), strict=True)
        },
    }
