"""Which cells a layer holds, and of which kind they are."""

import keras
import numpy as np

from tfseq.cells.table import TEXTBOOK_KINDS, kind_of
from tfseq.layers import RecurrentStack


def cells_by_layer(argument: str, layer) -> list[list[keras.Layer]]:
    """The cells of `layer`: one list for each layer of depth, the forward cell first.

    Args:
        argument: how the caller names `layer`, for errors.
        layer: a cell, a recurrent layer, a `keras.layers.Bidirectional` of one, a
            `RecurrentStack`, or a list of these, the lowest layer first.

    Raises:
        ValueError: if a cell is none of those that tfseq, Keras and PyTorch all have, or one
            network holds cells of several kinds.
    """
    layers = _collect(argument, layer)
    for cell in flat(layers):
        if kind_of(cell) not in TEXTBOOK_KINDS:
            names = [kind.place.partition(":")[2] for kind in TEXTBOOK_KINDS]
            raise ValueError(
                f"`{argument}` must be made of {', '.join(names[:-1])} or {names[-1]}, of tfseq or "
                "Keras and not subclassed, because the weights of another equation mean "
                f"something else. Received: {type(cell).__name__}."
            )
    if len({kind_of(cell) for cell in flat(layers)}) > 1:
        raise ValueError(f"The cells of `{argument}` must all be of one kind. Received: {layer!r}.")
    return layers


def _collect(argument, layer):
    if isinstance(layer, list | tuple) and layer:
        return [cells for each in layer for cells in _collect(argument, each)]
    if isinstance(layer, RecurrentStack):
        if not layer.connections.plain:
            raise ValueError(
                f"The layers of `{argument}` must each read the outputs of the one below alone, "
                "as those of PyTorch and Keras do. Received: "
                f"skip_connections={layer.skip_connections!r}, residual={layer.residual}."
            )
        n = 2 if layer.bidirectional else 1
        cells = [rnn.cell for rnn in layer.rnns]
        return [cells[i : i + n] for i in range(0, len(cells), n)]
    if isinstance(layer, keras.layers.Bidirectional):
        return [_directions(argument, layer)]
    if isinstance(layer, keras.layers.RNN):
        return _collect(argument, layer.cell)
    if isinstance(layer, keras.layers.StackedRNNCells):
        return [cells for each in layer.cells for cells in _collect(argument, each)]
    return [[layer]]


def _directions(argument, layer):
    if layer.merge_mode != "concat" or layer.forward_layer.go_backwards:
        raise ValueError(
            f"A Bidirectional layer in `{argument}` must put the outputs side by side, those of "
            f"the forward layer first. Received: merge_mode={layer.merge_mode!r}, "
            f"forward_layer.go_backwards={layer.forward_layer.go_backwards}."
        )
    directions = [_collect(argument, each) for each in (layer.forward_layer, layer.backward_layer)]
    if any(len(cells) != 1 for cells in directions):
        raise ValueError(
            f"A Bidirectional layer in `{argument}` must hold one cell in each direction: cells "
            "stacked within a direction do not see the other one. "
            f"Received: {[len(cells) for cells in directions]} cells."
        )
    return [cell for cells in directions for (cell,) in cells]


def flat(layers: list[list]) -> list:
    """The entries of all layers in one list."""
    return [entry for entries in layers for entry in entries]


def feature_sizes(layers: list[list[keras.Layer]], features: int) -> list[list[int]]:
    """How many features each cell reads: what it was built for, or else what the layer below
    gives it, `features` being given to the lowest."""
    sizes = []
    for cells in layers:
        sizes.append([cell.kernel.shape[0] if cell.built else features for cell in cells])
        features = sum(cell.units for cell in cells)
    return sizes


def assign_weights(cell: keras.Layer, kernel, recurrent_kernel, bias) -> None:
    """Gives `cell` its weights, building it if need be. A `bias` of None stands for zeros."""
    if not cell.built:
        cell.build((None, kernel.shape[0]))
        cell.built = True
    cell.kernel.assign(kernel)
    cell.recurrent_kernel.assign(recurrent_kernel)
    if cell.use_bias:
        cell.bias.assign(np.zeros(cell.bias.shape) if bias is None else bias)
