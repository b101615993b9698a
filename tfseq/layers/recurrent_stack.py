"""Layers of a recurrent network on top of each other, in one or both directions."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from tfseq.cells.arguments import check_shape
from tfseq.cells.table import cell_name, checked_cell, make_cell
from tfseq.layers.connections import keep, make_connections
from tfseq.layers.dropout import NOISE_SHAPES, Dropout, DropoutMask
from tfseq.layers.rnn import RNN
from tfseq.layers.stack_states import as_entry, as_states, check_entries
from tfseq.options.model.connections import check_connections
from tfseq.options.model.layer_sizes import as_given, layer_sizes
from tfseq.options.rules import PositiveInt, Probability, checked

_CONFIG = (
    *("units", "num_layers", "bidirectional", "dropout"),
    *("return_state", "go_backwards", "stateful", "recompute_steps"),
    *("skip_connections", "residual", "feed_forward"),
    *("dropout_mask", "weight_dropout", "recurrent_dropout", "zoneout"),
)


@keras.saving.register_keras_serializable(package="tfseq")
class RecurrentStack(keras.layers.Layer):
    """A stack of recurrent layers, what `torch.nn.RNN`, `GRU` and `LSTM` are in PyTorch.

    Layer 0 reads the inputs, each further layer the outputs of the one before, with dropout
    between them and none after the last. With two directions a layer's output is that of the
    forward cell beside that of the backward cell, each at its own step of the sequence.

    Args:
        cell_type: "rnn", "gru", "lstm", `module:Name`, or a class or function `units -> cell`,
            called once for each layer and direction. To save the model, a function that is not at
            the top of a module has to be registered with Keras. Cells of one's own choose their
            own dtype; the named ones take that of the stack.
        units, num_layers: positive integers, the size of each cell, and the layers. `units` may
            be a list with a size for each layer; `num_layers` may then be left out.
        bidirectional: whether each layer reads the sequence from both ends.
        dropout: share in [0, 1) of a layer's outputs set to zero, in training, before the next
            layer reads them.
        return_state: whether the final states are returned beside the outputs. Without them
            the stack fits into `keras.Sequential`.
        go_backwards: whether the sequence is read from its end; the outputs are then in the
            order in which they were made. Not together with `bidirectional`.
        stateful: whether the final states of one batch are the initial ones of the next; the
            batch size must be fixed.
        recompute_steps: positive integer n: training keeps only the states of every n-th step of
            each layer and runs the others again; None keeps all. See `tfseq.RNN`.
        skip_connections: "inputs": every layer reads the inputs beside the outputs of the one
            below; "outputs": the outputs are those of all layers side by side; "both"; or "none".
        residual: whether each layer adds to what it reads, with RMSNorm before it and after the
            last. Dropout then acts on what is added.
        feed_forward: with `residual`, how many times wider than the outputs the hidden layer of
            the feed-forward block behind each layer is; 0 for no such block.
        dropout_mask: "step" drops other outputs at each step; "window" drops the same ones at all
            steps of a sequence, others in each row (Gal and Ghahramani, 2016,
            https://arxiv.org/abs/1512.05287).
        weight_dropout: share in [0, 1) of each `recurrent_kernel` that is zero in training, the
            same at all steps. See `tfseq.RNN`.
        recurrent_dropout: share in [0, 1) of the state that is zero, in training, where it
            multiplies the recurrent weights, the same at all steps. See `tfseq.RNN`.
        zoneout: probability in [0, 1), or one for each state of a cell, that a component of a
            state stays as it was in a step. See `tfseq.RNN`.
        **kwargs: `name`, `dtype` and `trainable`, as every Keras layer takes them.

    Call arguments:
        inputs: `[batch, time, features]`.
        initial_state: states as they are returned; by default those the cells begin with.
        mask: boolean, `[batch, time]`. A step where it is False leaves the states as they were
            and puts out zeros: a right-padded batch gives what packed sequences give in PyTorch.
        training: whether dropout acts.
        inputs_mask: filled in by Keras: the mask that `inputs` carry, of an Embedding say.

    Returns:
        `(outputs, states)`. The outputs are `[batch, time, directions * units]`, with `units` of
        the last layer, or with skip connections to the outputs the sum over all. The states
        are a list in PyTorch's order: layer 0 forward, layer 0 backward, layer 1 forward, …;
        an entry is `[batch, units]`, and for a cell with several states the list of them, for an
        LSTM `[h, c]`. An empty time axis gives empty outputs and the initial states.

    Raises:
        ValueError: if an argument breaks the rule named above, `inputs` are not of rank 3, or
            `initial_state` has a wrong number of entries or a wrong shape.

    Example:

    >>> import numpy as np
    >>> stack = RecurrentStack("lstm", units=4, num_layers=2, bidirectional=True)
    >>> outputs, states = stack(np.ones((2, 7, 3), "float32"))
    >>> tuple(outputs.shape), len(states), [tuple(s.shape) for s in states[0]]
    ((2, 7, 8), 4, [(2, 4), (2, 4)])
    """

    def __init__(
        self,
        cell_type: str | Callable[[int], keras.Layer],
        units: int | Sequence[int],
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        return_state: bool = True,
        go_backwards: bool = False,
        stateful: bool = False,
        recompute_steps: int | None = None,
        skip_connections: str = "none",
        residual: bool = False,
        feed_forward: float = 0.0,
        dropout_mask: DropoutMask = "step",
        weight_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float | Sequence[float] = 0.0,
        **kwargs,
    ):
        cell_type = checked_cell("cell_type", cell_type)
        sizes = layer_sizes(units, num_layers)
        dropout = checked("dropout", dropout, Probability)
        recompute_steps = checked("recompute_steps", recompute_steps, PositiveInt | None)
        check_connections(skip_connections, residual, feed_forward)
        dropout_mask = checked("dropout_mask", dropout_mask, DropoutMask)
        weight_dropout = checked("weight_dropout", weight_dropout, Probability)
        if bidirectional and go_backwards:
            raise ValueError(
                "`go_backwards` must be False where `bidirectional` is True, because such a stack "
                "reads the sequence from both ends. Received: go_backwards=True."
            )
        super().__init__(**kwargs)
        self.cell_type = cell_type
        self.units = as_given(sizes)
        self.num_layers = len(sizes)
        self.bidirectional = bool(bidirectional)
        self.dropout = float(dropout)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.recompute_steps = recompute_steps
        self.skip_connections = skip_connections
        self.residual = bool(residual)
        self.feed_forward = float(feed_forward)
        self.dropout_mask = dropout_mask
        self.weight_dropout = float(weight_dropout)
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout
        self.return_sequences = True
        self.supports_masking = True

        directions = (False, True) if bidirectional else (False,)
        self.rnns = [self._make_rnn(size, backwards) for size in sizes for backwards in directions]
        widths = [sum(rnn.output_size for rnn in layer) for layer in self._by_layer(self.rnns)]
        self.connections = make_connections(
            widths, skip_connections, residual, feed_forward, self.dtype_policy
        )
        self.dropouts = [
            Dropout(dropout, NOISE_SHAPES[dropout_mask], dtype=self.dtype_policy)
            for _ in range(self.connections.num_dropouts)
            if dropout > 0
        ]

    def _make_rnn(self, units: int, backwards: bool) -> RNN:
        return RNN(
            make_cell(self.cell_type, units, self.dtype_policy),
            return_sequences=True,
            return_state=True,
            go_backwards=backwards,
            stateful=self.stateful,
            zero_output_for_mask=True,
            recompute_steps=self.recompute_steps,
            weight_dropout=self.weight_dropout,
            recurrent_dropout=self.recurrent_dropout,
            zoneout=self.zoneout,
            dtype=self.dtype_policy,
        )

    def build(self, inputs_shape, initial_state_shape=None) -> None:
        _check_rank(inputs_shape)
        batch, time, features = inputs_shape
        sizes = self.connections.read_sizes(features)
        for layer, size in zip(self._by_layer(self.rnns), sizes, strict=True):
            for rnn in layer:
                if not rnn.built:
                    rnn.build((batch, time, size))
                    rnn.built = True
        self.connections.build(features)

    def call(
        self, inputs, initial_state=None, mask=None, training=None, inputs_mask=None, resets=None
    ) -> Any:
        mask = inputs_mask if mask is None else mask
        _check_rank(inputs.shape)
        if initial_state is None:
            initial_state = [None] * len(self.rnns)
        check_entries("initial_state", initial_state, len(self.rnns))
        outputs = inputs
        if self.go_backwards:
            outputs = ops.flip(outputs, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
            resets = None if resets is None else ops.flip(resets, axis=1)
        call = {"mask": mask, "training": training}
        call |= {} if resets is None else {"resets": resets}

        def drop(n, tensor):
            return self.dropouts[n](tensor, training=training) if self.dropouts else tensor

        flow, states = self.connections.enter(outputs), []
        for i, (rnns, initial) in enumerate(
            zip(self._by_layer(self.rnns), self._by_layer(initial_state), strict=True)
        ):
            outputs = self.connections.read(i, flow, drop)
            directions = []
            for rnn, before in zip(rnns, initial, strict=True):
                y, *after = rnn(outputs, initial_state=before, **call)
                directions.append(ops.flip(y, axis=1) if rnn.go_backwards else y)
                states.append(as_entry(rnn, after))
            outputs = ops.concatenate(directions, axis=-1) if self.bidirectional else directions[0]
            flow = self.connections.join(i, flow, outputs, drop)
        outputs = self.connections.leave(flow)
        if mask is not None and self.connections.fills_masked_steps:
            outputs = ops.where(ops.expand_dims(mask, -1), outputs, ops.zeros_like(outputs))
        return (outputs, states) if self.return_state else outputs

    def step(self, inputs, states) -> tuple:
        """One step without a loop: `inputs` `[batch, features]` and states as `call` gives them.

        Returns:
            The output `[batch, units]` and the new states.

        Raises:
            ValueError: if the stack is bidirectional, or `states` do not fit it.
        """
        if self.bidirectional:
            raise ValueError(
                "`bidirectional` must be False for single steps: the backward direction begins "
                "at the end of the sequence. Received: bidirectional=True."
            )
        check_entries("states", states, len(self.rnns))
        connections, new_states = self.connections, []
        flow = connections.enter(inputs)
        for i, (rnn, before) in enumerate(zip(self.rnns, states, strict=True)):
            read = connections.read(i, flow, keep)
            outputs, after = rnn.step(read, as_states(rnn, before))
            new_states.append(as_entry(rnn, after))
            flow = connections.join(i, flow, outputs, keep)
        return connections.leave(flow), new_states

    def get_initial_state(self, batch_size: int) -> list:
        """The states a sequence begins with, in the form in which `call` takes them."""
        states = [rnn.get_initial_state(batch_size) for rnn in self.rnns]
        return list(map(as_entry, self.rnns, states))

    @property
    def output_size(self) -> int:
        """Size of the outputs, of all directions."""
        return self.connections.output_size

    @property
    def states(self) -> list | None:
        """What a stateful stack keeps, in the form of the states; else, or before `build`, None."""
        if any(rnn.states is None for rnn in self.rnns):
            return None
        return [as_entry(rnn, rnn.states) for rnn in self.rnns]

    def reset_state(self) -> None:
        """Sets the states of a stateful stack to zero."""
        for rnn in self.rnns:
            rnn.reset_state()

    def compute_output_shape(self, inputs_shape, initial_state_shape=None) -> tuple:
        _check_rank(inputs_shape)
        batch, time, _ = inputs_shape
        states = []
        for rnn in self.rnns:
            _, *shapes = rnn.compute_output_shape((batch, time, None))
            states.append(as_entry(rnn, shapes))
        size = self.output_size
        return ((batch, time, size), states) if self.return_state else (batch, time, size)

    def compute_mask(self, inputs, previous_mask=None) -> Any:
        if isinstance(previous_mask, list | tuple):
            previous_mask = previous_mask[0]
        if previous_mask is not None and self.go_backwards:
            return ops.flip(previous_mask, axis=1)
        return previous_mask

    def _by_layer(self, entries):
        n = 2 if self.bidirectional else 1
        return [entries[i : i + n] for i in range(0, len(entries), n)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "cell_type": cell_name("cell_type", self.cell_type),
            **{name: getattr(self, name) for name in _CONFIG},
        }


def _check_rank(shape):
    check_shape(tuple(shape), "`inputs` must have the shape", "batch", "time", "features")
