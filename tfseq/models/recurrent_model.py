"""What the models that are built around a `RecurrentStack` share."""

from typing import Any

import keras

from tfseq.cells.table import cell_name, checked_cell
from tfseq.layers import Dropout, RecurrentStack
from tfseq.options.rules import PositiveInt, checked


class RecurrentModel(keras.Model):
    """A model with a stack of recurrent layers, and dropout in front of it and behind it.

    The arguments that all of them have:

    Args:
        cell: `"rnn"`, `"gru"`, `"lstm"`, `"min_gru"`, `"min_lstm"`, `"rg_lru"`,
            `"layer_norm_lstm"`, `"mogrifier"`, `module:Name`, or a class or function
            `units -> cell`. To save the model, a function that is not at the top of a module has to
            be registered with Keras. Loading a model whose cell is named `module:Name` imports that
            module.
        units: positive integer, the size of each layer's hidden state.
        num_layers: positive integer, layers in the stack.
        dropout: probability in [0, 1).
        recompute_steps: positive integer n: training keeps only the states of every n-th step and
            runs the others again; None keeps all. See `tfseq.RNN`.
        **kwargs: `name`, `dtype` and `trainable`, as every Keras model takes them.

    Raises:
        ValueError: an argument breaks its rule; the message names it.
    """

    def __init__(self, *, recompute_steps: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.recompute_steps = recompute_steps

    def _add_embedding(self, vocabulary_size: int, embedding_size: int, scale: float) -> None:
        self.embedding = keras.layers.Embedding(
            vocabulary_size,
            checked("embedding_size", embedding_size, PositiveInt),
            embeddings_initializer=keras.initializers.RandomNormal(stddev=scale),
            dtype=self.dtype_policy,
            name="embedding",
        )
        self.embedding.build((None, None))

    def _add_stack(
        self, features, cell, units, num_layers, dropout, drop_inputs=True, **options
    ) -> None:
        self.cell = cell = checked_cell("cell", cell)
        self.stack = RecurrentStack(
            cell,
            units,
            num_layers,
            dropout=dropout,
            recompute_steps=self.recompute_steps,
            dtype=self.dtype_policy,
            name="stack",
            **options,
        )
        self.units, self.num_layers = self.stack.units, self.stack.num_layers
        self.dropout = self.stack.dropout
        for name in ("input_dropout", "output_dropout") if drop_inputs else ("output_dropout",):
            layer = Dropout(dropout, dtype=self.dtype_policy, name=name)
            setattr(self, name, layer)
        self.stack.build((None, None, features))

    def build(self, input_shape) -> None:
        """Does nothing: the constructor has created all weights."""

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "cell": cell_name("cell", self.cell),
            "units": self.units,
            "num_layers": self.num_layers,
            "dropout": self.dropout,
            "recompute_steps": self.recompute_steps,
        }
