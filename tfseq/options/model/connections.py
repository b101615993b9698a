"""How the layers of a stack may be connected, as options and arguments say it."""

from collections.abc import Sequence
from typing import Annotated, Literal

from tfseq.options.rules import Rule, checked

SkipConnections = Literal["none", "inputs", "outputs", "both"]
FeedForward = Annotated[float, Rule("from 0 to 64", lambda v: 0 <= v <= 64)]


#: Which of several `units` an embedding has to fit that is the output layer too.
OF_WHICH = "those of the last layer, or, with skip connections to the outputs, the sum over all"


def check_connections(skip_connections: str, residual: bool, feed_forward: float) -> None:
    """Raise ValueError where the connections break their rules or do not go together.

    >>> check_connections("none", residual=False, feed_forward=3)
    Traceback (most recent call last):
    ValueError: `feed_forward` needs `residual`: its outputs are added to what it reads. Received:
    feed_forward=3, residual=False.
    """
    checked("skip_connections", skip_connections, SkipConnections)
    checked("residual", residual, bool)
    checked("feed_forward", feed_forward, FeedForward)
    if feed_forward and not residual:
        raise ValueError(
            "`feed_forward` needs `residual`: its outputs are added to what it reads. "
            f"Received: feed_forward={feed_forward}, residual=False."
        )
    if residual and skip_connections != "none":
        raise ValueError(
            "`residual` and `skip_connections` exclude each other: residual connections lead from "
            "the input to every layer and to the output already. "
            f"Received: residual=True, skip_connections={skip_connections!r}."
        )


def connections_in_words(skip_connections: str, residual: bool, feed_forward: float) -> list[str]:
    """What there is beside plain layers, each in a few words.

    >>> connections_in_words("both", False, 0.0)
    ['skip connections from the input and to the output']
    """
    ends = {"inputs": "from the input", "outputs": "to the output"}
    ends["both"] = " and ".join(ends.values())
    words = []
    if skip_connections != "none":
        words.append(f"skip connections {ends[skip_connections]}")
    if residual:
        words.append("residual connections")
    if feed_forward:
        words.append(f"feed-forward blocks × {feed_forward:g}")
    return words


def output_width(sizes: Sequence[int], skip_connections: str) -> int:
    """How wide the outputs of a stack are, of layers whose outputs are `sizes` wide.

    >>> output_width((8, 4), "none"), output_width((8, 4), "both")
    (4, 12)
    """
    return sum(sizes) if skip_connections in ("outputs", "both") else sizes[-1]
