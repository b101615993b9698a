"""What the arguments of a recurrent layer's call have to look like."""

import keras
from keras import tree

from tfseq.cells.arguments import check_shape
from tfseq.cells.table import kind_of


def check_rank(shape) -> None:
    """Raise ValueError unless a shape is that of sequences."""
    what = "`sequences` must have the shape"
    check_shape(tuple(shape[:3]), what, "batch", "time", "features")


def check_mask(name, mask, sequences_shape) -> None:
    """Raise ValueError unless `mask` has a value for each step; `name` is what the error says."""
    axes = [
        name if n is None else n
        for name, n in zip(("batch", "time"), sequences_shape, strict=False)
    ]
    shape = getattr(mask, "shape", None)
    what = f"`{name}` must be a boolean tensor of the shape"
    check_shape(mask if shape is None else tuple(shape[:2]), what, *axes)


def check_states(states, cell, batch_size) -> None:
    """Raise ValueError for states that do not fit a cell of tfseq or Keras.

    Other cells may carry what they like.
    """
    states = states if isinstance(states, list | tuple) else [states]
    stacked = type(cell) is keras.layers.StackedRNNCells
    if not (stacked or kind_of(cell)):
        return
    parts = cell.cells if stacked else tree.flatten(cell.state_size)
    if len(states) != len(parts):
        raise ValueError(
            f"`initial_state` must hold {len(parts)} tensor(s), one for each state of the cell. "
            f"Received: {len(states)}."
        )
    batch = "batch" if batch_size is None else batch_size
    for state, part in zip(states, parts, strict=True):
        if stacked:
            check_states(state, part, batch_size)
        else:
            check_shape(state, "Each of `initial_state` must have the shape", batch, part)
