"""Layers of a recurrent network on top of each other, in one or both directions."""

from collections.abc import Callable

import keras
from keras import ops

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
from tfseq.layers.rnn import RNN

CELLS = {"rnn": SimpleRNNCell, "gru": GRUCell, "lstm": LSTMCell}


@keras.saving.register_keras_serializable(package="tfseq")
class RecurrentStack(keras.layers.Layer):
    """A stack of recurrent layers, as `torch.nn.RNN`, `GRU` and `LSTM` are."""

    def __init__(
        self,
        cell_type: str | Callable,
        units: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.cell_type = cell_type
        self.units = units
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.supports_masking = True

        make_cell = CELLS[cell_type] if isinstance(cell_type, str) else cell_type
        directions = (False, True) if bidirectional else (False,)
        self.rnns = [
            RNN(
                make_cell(units),
                return_sequences=True,
                return_state=True,
                go_backwards=backwards,
                zero_output_for_mask=True,
                dtype=self.dtype_policy,
            )
            for _ in range(num_layers)
            for backwards in directions
        ]
        self.dropouts = [
            keras.layers.Dropout(dropout) for _ in range(num_layers - 1) if dropout > 0
        ]

    def build(self, inputs_shape, initial_state_shape=None):
        shape = tuple(inputs_shape)
        for rnns in self._by_layer(self.rnns):
            for rnn in rnns:
                rnn.build(shape)
                rnn.built = True
            shape = (*shape[:-1], sum(rnn.cell.output_size for rnn in rnns))

    def call(self, inputs, initial_state=None, mask=None, training=None):
        if initial_state is None:
            initial_state = self.get_initial_state(ops.shape(inputs)[0])
        states = []
        outputs = inputs
        for layer, (rnns, initial) in enumerate(
            zip(self._by_layer(self.rnns), self._by_layer(initial_state), strict=True)
        ):
            if layer > 0 and self.dropouts:
                outputs = self.dropouts[layer - 1](outputs, training=training)
            directions = []
            for rnn, state in zip(rnns, initial, strict=True):
                y, *state = rnn(outputs, initial_state=state, mask=mask, training=training)
                directions.append(ops.flip(y, axis=1) if rnn.go_backwards else y)
                states.append(state[0] if rnn.single_state else state)
            outputs = directions[0] if len(directions) == 1 else ops.concatenate(directions, -1)
        return outputs, states

    def get_initial_state(self, batch_size):
        states = [rnn.get_initial_state(batch_size) for rnn in self.rnns]
        return [s[0] if rnn.single_state else s for rnn, s in zip(self.rnns, states, strict=True)]

    def _by_layer(self, items):
        n = 2 if self.bidirectional else 1
        return [items[i : i + n] for i in range(0, len(items), n)]

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "cell_type": self.cell_type,
            "units": self.units,
            "num_layers": self.num_layers,
            "bidirectional": self.bidirectional,
            "dropout": self.dropout,
        }
