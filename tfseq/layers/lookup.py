"""Inputs that are rows of a table, as those of an embedding are."""

from typing import Any

import keras


def mark_lookup(sequences, ids, table=None) -> Any:
    """Says that `sequences` are `table[ids]`, so that `tfseq.RNN` may look up what it projects.

    One product over the table then replaces one over all steps, and for one-hot inputs there is
    none at all. The gradient goes to `table` itself; none is formed for `sequences`.

    Args:
        sequences: `[batch, time, features]`.
        ids: integers `[batch, time]`, each a row of `table`.
        table: `[rows, features]`; None where the sequences are the one-hot vectors of `ids`;
            `[features]` where they are these multiplied by numbers, one for each id.

    Returns:
        `sequences`. Backends other than TensorFlow ignore the mark.

    Example:

    >>> ids = keras.ops.array([[0, 2]])
    >>> sequences = mark_lookup(keras.ops.one_hot(ids, 3), ids)
    >>> tuple(sequences.shape)
    (1, 2, 3)
    """
    features = sequences.shape[-1]
    fits = len(sequences.shape) == len(ids.shape) + 1
    if not fits or (table is not None and table.shape[-1] != features):
        raise ValueError(
            f"`sequences` must have one axis more than `ids`, and `table` the shape [rows, "
            f"{features}] or [{features}]. Received: sequences {tuple(sequences.shape)}, "
            f"ids {tuple(ids.shape)}, table {None if table is None else tuple(table.shape)}."
        )
    if keras.backend.backend() == "tensorflow":
        sequences._tfseq_lookup = (ids, table)
    return sequences


def lookup_of(sequences):
    """The `(ids, table)` that `mark_lookup` has left, or None."""
    return getattr(sequences, "_tfseq_lookup", None)
