"""A language model whose state is carried from batch to batch."""

from typing import Any

import keras
from keras import tree


class StatefulModel(keras.Model):
    """Makes a language model stateful: each batch starts from the state S that the last one left.

        O, S ← model(X, S)

    S is a constant to each step of training: the gradient is cut between batches. The callback
    `ResetStates` sets it to zero where an epoch begins. The weights are those of `model`, which
    takes batches of any size as before, and is the one to save.

    Args:
        model: a `tfseq.LanguageModel`, or another model with `initial_states(batch_size)` and
            `call(inputs, states=None, return_states=False) -> (outputs, states)`.
        batch_size: rows of every batch, also in validation.

    Example:

    >>> import tfseq
    >>> windows = tfseq.fit.Windows(range(35), batch_size=2, num_steps=5, order="sequential")
    >>> model = StatefulModel(tfseq.LanguageModel(35, units=8), batch_size=2)
    >>> model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> reset = tfseq.fit.ResetStates()
    >>> _ = model.fit(windows.dataset, shuffle=False, callbacks=[reset], verbose=0)
    """

    stateful = True

    def __init__(self, model: keras.Model, batch_size: int, **kwargs):
        super().__init__(**kwargs)
        self.model = model
        self.batch_size = batch_size
        self.states = [
            self.add_weight(state.shape, "zeros", state.dtype, trainable=False, name="state")
            for state in tree.flatten(model.initial_states(batch_size))
        ]
        self.built = model.built

    def call(self, inputs, training=None) -> Any:
        zeros = self.model.initial_states(self.batch_size)
        states = tree.pack_sequence_as(zeros, [state.value for state in self.states])
        outputs, states = self.model(inputs, states=states, return_states=True, training=training)
        for variable, state in zip(self.states, tree.flatten(states), strict=True):
            variable.assign(state)
        return outputs
