"""The states of a language model by name."""

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
