"""States of a stack: a list with an entry for each layer and direction.

An entry is the state of a cell that has one, and for a cell with several the list of them.
"""

from typing import Any


def as_entry(rnn, states: list) -> Any:
    """The states of one layer as an entry."""
    return states[0] if rnn.single_state else states


def as_states(rnn, entry) -> list:
    """An entry as the states of one layer."""
    return [entry] if rnn.single_state else entry


def check_entries(argument: str, states, number: int) -> None:
    """Raise ValueError unless `states` has `number` entries; `argument` names it in the error.

    >>> check_entries("states", [], 2)
    Traceback (most recent call last):
    ValueError: `states` must be a list of 2 entries, one for each layer and direction. Received: 0
    entries.
    """
    if isinstance(states, list | tuple) and len(states) == number:
        return
    received = f"{len(states)} entries" if isinstance(states, list | tuple) else repr(states)
    if hasattr(states, "shape"):
        received = f"shape={tuple(states.shape)}"
    raise ValueError(
        f"`{argument}` must be a list of {number} entries, one for each layer and direction. "
        f"Received: {received}."
    )
