"""Weights from and to `keras.layers.SimpleRNN`, `GRU` and `LSTM`."""

from collections.abc import Sequence

import keras

from tfseq.cells.table import kind_of
from tfseq.interop.cells import assign_weights, cells_by_layer, feature_sizes, flat


def load_keras_weights(layer: keras.Layer, keras_layer: keras.Layer | Sequence) -> None:
    """Gives `layer` the weights of Keras layers, so that both compute the same numbers.

    Args:
        layer: a `tfseq.RNN`, a `RecurrentStack`, or a cell. It is built if need be.
        keras_layer: a built `keras.layers.SimpleRNN`, `GRU` or `LSTM`, a `keras.layers.RNN` of
            such cells, a `keras.layers.Bidirectional` of one of these, or a list of them, the
            lowest layer first. Dropout of Keras' cells is not carried over.

    Raises:
        ValueError: if the two do not compute the same from the same weights, `keras_layer` is not
            built, or has a bias and `layer` none. `layer` is then as it was.

    Example:

    >>> import numpy as np
    >>> from tfseq.cells import GRUCell
    >>> from tfseq.layers import RNN
    >>> x = np.ones((2, 5, 3), "float32")
    >>> theirs, ours = keras.layers.GRU(4), RNN(GRUCell(4))
    >>> expected = theirs(x)
    >>> load_keras_weights(ours, theirs)
    >>> bool(np.allclose(ours(x), expected, rtol=1e-5))
    True
    """
    _copy("keras_layer", keras_layer, "layer", layer)


def store_keras_weights(layer: keras.Layer, keras_layer: keras.Layer | Sequence) -> None:
    """Gives Keras layers the weights of a built `layer`: the opposite of `load_keras_weights`.

    The arguments have the forms that `load_keras_weights` takes, and the errors are the same.

    Example:

    >>> import numpy as np
    >>> from tfseq.layers import RecurrentStack
    >>> stack = RecurrentStack("lstm", units=4, num_layers=2)
    >>> outputs, _ = stack(np.ones((2, 5, 3), "float32"))
    >>> layers = [keras.layers.LSTM(4, return_sequences=True) for _ in range(2)]
    >>> store_keras_weights(stack, layers)
    >>> bool(np.allclose(keras.Sequential(layers)(np.ones((2, 5, 3))), outputs, rtol=1e-5))
    True
    """
    _copy("layer", layer, "keras_layer", keras_layer)


def _copy(source_name, source, target_name, target):
    sources = cells_by_layer(source_name, source)
    targets = cells_by_layer(target_name, target)
    if [len(cells) for cells in sources] != [len(cells) for cells in targets]:
        raise ValueError(
            f"`{source_name}` and `{target_name}` must have as many layers, and in each as many "
            f"directions. Received: directions by layer {[len(cells) for cells in sources]} and "
            f"{[len(cells) for cells in targets]}."
        )
    if not (kind_of(source) or kind_of(target)):  # A cell alone reads no sequence.
        orders = _read_backwards(source), _read_backwards(target)
        if orders[0] != orders[1]:
            raise ValueError(
                f"`{source_name}` and `{target_name}` must read the sequence from the same end "
                f"(`go_backwards`) in every layer. Received: backwards by layer {orders[0]} and "
                f"{orders[1]}."
            )
    if not all(cell.built for cell in flat(sources)):
        raise ValueError(f"`{source_name}` must be built: call it, or its `build`, first.")
    sizes = feature_sizes(targets, sources[0][0].kernel.shape[0])
    pairs = list(zip(flat(sources), flat(targets), flat(sizes), strict=True))
    for source_cell, target_cell, features in pairs:
        ours, theirs = _properties(source_cell), _properties(target_cell) | {"features": features}
        for name, value in ours.items():
            if theirs.get(name) != value:
                raise ValueError(
                    f"`{source_name}` and `{target_name}` must have the same {name}, or the same "
                    f"weights mean something else. Received: {value!r} and {theirs.get(name)!r}."
                )
        if source_cell.use_bias and not target_cell.use_bias and source_cell.get_weights()[2].any():
            raise ValueError(
                f"`{target_name}` must have `use_bias=True`, because `{source_name}` has a bias "
                "that is not zero. Received: use_bias=False."
            )
    for source_cell, target_cell, _ in pairs:
        kernel, recurrent_kernel, *bias = source_cell.get_weights()
        assign_weights(target_cell, kernel, recurrent_kernel, bias[0] if bias else None)


def _read_backwards(layer, backwards=False) -> list[bool]:
    """For each layer of depth, whether it, or its forward cell, reads the inputs from their end.

    The outputs of a layer that does so are in the order in which it made them: for the layers
    above it, the sequence is turned round.
    """
    if isinstance(layer, list | tuple):
        orders = []
        for each in layer:
            orders += _read_backwards(each, backwards)
            backwards ^= getattr(each, "go_backwards", False)
        return orders
    return [backwards ^ getattr(layer, "go_backwards", False)] * len(cells_by_layer("", layer))


def _properties(cell):
    """What two cells must have in common for the same weights to give the same numbers."""
    properties = {"kind of cell": kind_of(cell).name, "units": cell.units}
    if cell.built:
        properties["features"] = cell.kernel.shape[0]
    names = ("activation", "recurrent_activation", "reset_after")
    return properties | {name: getattr(cell, name) for name in names if hasattr(cell, name)}
