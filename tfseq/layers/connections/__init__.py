"""How the layers of a stack are connected: what each of them reads, and what the stack puts out."""

from collections.abc import Sequence

from tfseq.layers.connections.plain import Connections, keep
from tfseq.layers.connections.residual import ResidualConnections
from tfseq.layers.connections.skip import SkipConnections

__all__ = ["Connections", "ResidualConnections", "SkipConnections", "keep", "make_connections"]


def make_connections(
    sizes: Sequence[int], skip_connections: str, residual: bool, feed_forward: float, dtype
) -> Connections | ResidualConnections:
    """The connections that the options of a `RecurrentStack` describe.

    `sizes` are the widths of the layers' outputs, of all directions.
    """
    if residual:
        return ResidualConnections(sizes, feed_forward, dtype=dtype)
    if skip_connections != "none":
        return SkipConnections(sizes, skip_connections)
    return Connections(sizes)
