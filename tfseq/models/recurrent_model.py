"""What the models that are built around a `RecurrentStack` share."""

from typing import Any

import keras

from tfseq.cells.table import cell_name, checked_cell
from tfseq.layers import Dropout, RecurrentStack
from tfseq.layers.dropout import NOISE_SHAPES, DropoutMask
from tfseq.options.rules import PositiveInt, Probability, checked


class RecurrentModel(keras.Model):
    """A model with a stack of recurrent layers, and dropout in front of it and behind it.

    The arguments that all of them have:

    Args:
        cell: `"rnn"`, `"gru"`, `"lstm"`, `"min_gru"`, `"min_lstm"`, `"rg_lru"`,
            `"layer_norm_lstm"`, `"mogrifier"`, `module:Name`, or a class or function
            `units -> cell`. To save the model, a function that is not at the top of a module has to
            be registered with Keras. Loading a model whose cell is named `module:Name` imports that
            module.
        units: positive integer, the size of each layer's hidden state; or a list with a size for
            each layer.
        num_layers: positive integer, layers in the stack; with a list of sizes, as many as those,
            or left out.
        dropout: probability in [0, 1), of each connection that does not go through time: into the
            stack, between its layers, out of it.
        input_dropout, layer_dropout, output_dropout: probability of these three; None takes that of
            `dropout`.
        dropout_mask: `"step"` drops other components at each step, `"window"` the same ones at all
            steps of a row. See `tfseq.RecurrentStack`.
        recompute_steps: positive integer n: training keeps only the states of every n-th step and
            runs the others again; None keeps all. See `tfseq.RNN`.
        weight_dropout, recurrent_dropout, zoneout: probabilities in [0, 1), of each
            `recurrent_kernel`, and of the states. See `tfseq.RNN`.
        skip_connections, residual, feed_forward: how the layers are connected; see
            `RecurrentStack`.
        **kwargs: `name`, `dtype` and `trainable`, as every Keras model takes them.

    Raises:
        ValueError: an argument breaks its rule; the message names it.
    """

    def __init__(
        self,
        *,
        recompute_steps: int | None = None,
        skip_connections: str = "none",
        residual: bool = False,
        feed_forward: float = 0.0,
        input_dropout: float | None = None,
        layer_dropout: float | None = None,
        output_dropout: float | None = None,
        dropout_mask: DropoutMask = "step",
        weight_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.recompute_steps = recompute_steps
        self.skip_connections = skip_connections
        self.residual = residual
        self.feed_forward = feed_forward
        self.dropout_mask = checked("dropout_mask", dropout_mask, DropoutMask)
        self.weight_dropout = float(checked("weight_dropout", weight_dropout, Probability))
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout
        rates = {"input": input_dropout, "layer": layer_dropout, "output": output_dropout}
        self._rates = {
            name: checked(f"{name}_dropout", rate, Probability | None)
            for name, rate in rates.items()
        }

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
        if not drop_inputs and self._rates["input"] is not None:
            raise ValueError(
                f"{type(self).__name__} has no dropout of its inputs, so `input_dropout` must be "
                f"None. Received: input_dropout={self._rates['input']}."
            )
        self.dropout = float(checked("dropout", dropout, Probability))
        rates = {n: self.dropout if r is None else r for n, r in self._rates.items()}
        self.cell = cell = checked_cell("cell", cell)
        self.stack = RecurrentStack(
            cell,
            units,
            num_layers,
            dropout=rates["layer"],
            recompute_steps=self.recompute_steps,
            skip_connections=self.skip_connections,
            residual=self.residual,
            feed_forward=self.feed_forward,
            dropout_mask=self.dropout_mask,
            weight_dropout=self.weight_dropout,
            recurrent_dropout=self.recurrent_dropout,
            zoneout=self.zoneout,
            dtype=self.dtype_policy,
            name="stack",
            **options,
        )
        self.units, self.num_layers = self.stack.units, self.stack.num_layers
        for place in ("input", "output") if drop_inputs else ("output",):
            name = f"{place}_dropout"
            layer = Dropout(
                rates[place], NOISE_SHAPES[self.dropout_mask], dtype=self.dtype_policy, name=name
            )
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
            "skip_connections": self.skip_connections,
            "residual": self.residual,
            "feed_forward": self.feed_forward,
            **{f"{place}_dropout": rate for place, rate in self._rates.items()},
            "dropout_mask": self.dropout_mask,
            "weight_dropout": self.weight_dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "zoneout": self.zoneout,
        }
