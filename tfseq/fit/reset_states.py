"""States of stateful layers: where they are, and when they begin anew."""

import keras
from keras import ops, tree


class ResetStates(keras.callbacks.Callback):
    """Sets the states of stateful layers to zero as an epoch begins, and keeps validation apart.

    A recurrent layer with `stateful=True` starts each batch from the state that the one before
    ended with, as a constant: the gradient is cut there (truncated back-propagation through time).
    Keras carries that state on into the next epoch, and from training into validation and back.
    With this callback each epoch starts from zeros, and so does each validation, and each
    `evaluate` and `predict` that is given it; after them the states of training are put back.

    The batches must continue each other row by row, as from `Windows(order="sequential")`, and
    have one size.

    Raises:
        ValueError: as `fit` begins: the model is built, and no layer in it is stateful.

    Example:

    >>> import tfseq
    >>> windows = tfseq.fit.Windows(range(35), batch_size=2, num_steps=5, order="sequential")
    >>> model = keras.Sequential([
    ...     keras.Input(batch_shape=(2, 5)),
    ...     keras.layers.Embedding(35, 8),
    ...     tfseq.RNN(tfseq.GRUCell(8), return_sequences=True, stateful=True),
    ...     keras.layers.Dense(35),
    ... ])
    >>> model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> _ = model.fit(windows.dataset, shuffle=False, callbacks=[ResetStates()], verbose=0)
    """

    def on_train_begin(self, logs=None) -> None:
        if self.model.built and not state_variables(self.model):
            raise ValueError(
                "`ResetStates` needs a model with stateful layers: give its recurrent layers "
                "`stateful=True`, or train a `tfseq.fit.StatefulModel`."
            )

    def on_epoch_begin(self, epoch, logs=None) -> None:
        for variable in state_variables(self.model):
            variable.assign(ops.zeros_like(variable.value))

    def on_test_begin(self, logs=None) -> None:
        self._before = [ops.convert_to_numpy(v) for v in state_variables(self.model)]
        self.on_epoch_begin(0)

    def on_test_end(self, logs=None) -> None:
        # Not strict: a model that was first built in between had no states before.
        for variable, value in zip(state_variables(self.model), self._before, strict=False):
            variable.assign(value)

    on_predict_begin, on_predict_end = on_test_begin, on_test_end


def state_variables(layer: keras.Layer) -> list[keras.Variable]:
    """The states of all layers in `layer` that are `stateful`; `layer.variables` lacks them."""
    found, seen, parts = {}, set(), [layer]
    while parts:
        part = parts.pop()
        if isinstance(part, list | tuple):
            parts.extend(part)
        elif isinstance(part, dict):
            parts.extend(part.values())
        elif isinstance(part, keras.Layer) and id(part) not in seen:
            seen.add(id(part))
            parts.extend(vars(part).values())
            if getattr(part, "stateful", False):
                # By identity: a Bidirectional layer has those of its two directions once more.
                found |= {id(state): state for state in tree.flatten(part.states or [])}
    return list(found.values())
