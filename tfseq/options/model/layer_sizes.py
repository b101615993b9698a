"""Sizes of the layers of a stack: one number for all of them, or one for each."""

import dataclasses
import operator
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from tfseq.errors import InputError
from tfseq.options.model.connections import check_connections, connections_in_words
from tfseq.options.rules import PositiveInt, Rule, checked

Options = TypeVar("Options")


def _are_sizes(value: Any) -> bool:
    sizes = value if isinstance(value, Sequence) else [value]
    return bool(sizes) and all(1 <= size <= 2**16 for size in sizes)


# A JSON file has a list in place of the tuple.
_SIZES = Rule(
    "a positive integer, at most 65536, or several, one for each layer",
    _are_sizes,
    change=tuple,
    changes=list,
)
LayerSizes = Annotated[int | tuple[int, ...], _SIZES]
#: `LayerSizes | None` in one piece: the command line cannot take one union inside another.
OptionalLayerSizes = Annotated[int | tuple[int, ...] | None, _SIZES]


def layer_sizes(units: Any, num_layers: int = 1) -> tuple[int, ...]:
    """The size of each layer.

    Args:
        units: a positive integer, or a sequence of them, one for each layer.
        num_layers: how many layers there are; where `units` has several, 1 or as many.

    Raises:
        ValueError: they are no such numbers, or do not agree.

    >>> layer_sizes(256, 2), layer_sizes([1150, 1150, 400])
    ((256, 256), (1150, 1150, 400))
    >>> layer_sizes([64, 32], num_layers=3)
    Traceback (most recent call last):
    ValueError: `num_layers` must be 2, the number of sizes in `units`, or be left out. Received:
    num_layers=3, units=[64, 32].
    """
    num_layers = checked("num_layers", num_layers, PositiveInt)
    if not isinstance(units, list | tuple):
        return (checked("units", units, PositiveInt),) * num_layers
    rule = PositiveInt.__metadata__[0]
    try:
        sizes = tuple(map(operator.index, units))
    except TypeError:
        sizes = ()
    if (
        not sizes
        or any(isinstance(size, bool) for size in units)
        or not all(map(rule.holds, sizes))
    ):
        raise ValueError(
            "`units` must be a positive integer, or a list of them, one for each layer. "
            f"Received: units={units!r}."
        )
    if num_layers not in (1, len(sizes)):
        raise ValueError(
            f"`num_layers` must be {len(sizes)}, the number of sizes in `units`, or be left out. "
            f"Received: num_layers={num_layers}, units={units!r}."
        )
    return sizes


def as_given(sizes: Sequence[int]) -> int | tuple[int, ...]:
    """`units` of these sizes: one number where all are equal.

    >>> as_given((8, 8)), as_given((8, 4))
    (8, (8, 4))
    """
    return sizes[0] if len(set(sizes)) == 1 else tuple(sizes)


def with_layers_agreed(options: Options) -> Options:
    """Options whose `num_layers` is that of the sizes in `units`.

    Raises:
        InputError: they do not agree, or the connections of the layers do not go together.
    """
    try:
        check_connections(options.skip_connections, options.residual, options.feed_forward)
        sizes = layer_sizes(options.units, options.num_layers)
    except ValueError as error:
        raise InputError(str(error)) from None
    return dataclasses.replace(options, units=as_given(sizes), num_layers=len(sizes))


def shape_in_words(options: Any, each_way: bool = False) -> str:
    """The layers that options describe, and how they are connected.

    >>> from types import SimpleNamespace
    >>> shape_in_words(SimpleNamespace(
    ...     units=8, num_layers=2, skip_connections="none", residual=True, feed_forward=3.0))
    '8 units, 2 layers, residual connections, feed-forward blocks × 3'
    """
    sizes = sizes_in_words(options.units, options.num_layers)
    if each_way:
        sizes = sizes.replace(" units", " units each way")
    words = connections_in_words(options.skip_connections, options.residual, options.feed_forward)
    return ", ".join([sizes, *words])


def sizes_in_words(units: int | Sequence[int], num_layers: int = 1) -> str:
    """The sizes, and how many layers there are if more than one.

    >>> sizes_in_words(256, 2), sizes_in_words((1150, 1150, 400))
    ('256 units, 2 layers', '1150, 1150 and 400 units')
    """
    units = as_given(layer_sizes(units, num_layers))
    if isinstance(units, tuple):
        return f"{', '.join(map(str, units[:-1]))} and {units[-1]} units"
    return f"{units} units" + (f", {num_layers} layers" if num_layers > 1 else "")
