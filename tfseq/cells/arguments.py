"""Checks of constructor arguments that cells and layers share."""

from collections.abc import Iterable

from keras import activations, layers


def check_shape(tensor, what: str, *axes: int | str) -> None:
    """Raise ValueError unless `tensor`, or a shape, has `axes`: a word stands for any size.

    >>> check_shape((3, 5), "`states` must have the shape", "batch", 4)
    Traceback (most recent call last):
    ValueError: `states` must have the shape [batch, 4]. Received: shape=(3, 5).
    """
    shape = tensor if isinstance(tensor, tuple) else getattr(tensor, "shape", None)
    if (
        shape is None
        or len(shape) != len(axes)
        or not all(
            isinstance(axis, str) or size in (axis, None)
            for axis, size in zip(axes, shape, strict=True)
        )
    ):
        received = repr(tensor) if shape is None else f"shape={tuple(shape)}"
        raise ValueError(f"{what} [{', '.join(map(str, axes))}]. Received: {received}.")


def activation_function(argument: str, value):
    """The function that `value` stands for; `argument` names it in the error.

    >>> activation_function("activation", "tan")
    Traceback (most recent call last):
    ValueError: `activation` must be the name of a Keras activation (such as 'tanh', 'sigmoid' or
    'relu'), a function, or None for the identity. Received: activation='tan'.
    """
    try:
        return activations.get(value)
    except (ValueError, TypeError):
        raise ValueError(
            f"`{argument}` must be the name of a Keras activation (such as 'tanh', 'sigmoid' or "
            f"'relu'), a function, or None for the identity. Received: {argument}={value!r}."
        ) from None


# What to do in place of an argument that Keras' cells or layers have and ours do not.
_INSTEAD = {
    "dropout": "use `tfseq.RecurrentStack(..., dropout=...)`, put a keras.layers.Dropout before "
    "the layer, or take {twin}, which tfseq.RNN runs too",
    "seed": "call `keras.utils.set_random_seed`, or give the initializers a seed",
    "implementation": "leave it out: there is one implementation",
}
for _name in (
    *("return_sequences", "return_state", "go_backwards", "stateful", "unroll"),
    *("zero_output_for_mask", "recurrent_dropout"),
):
    _INSTEAD[_name] = f"give it to the layer, `tfseq.RNN(cell, {_name}=...)`"


def refuse_arguments(cell: type, arguments: Iterable[str]) -> None:
    """Raise ValueError for arguments of Keras' cells that `cell` lacks; say what to do instead.

    >>> class EggCell: pass
    >>> refuse_arguments(EggCell, ["name", "stateful"])
    Traceback (most recent call last):
    ValueError: EggCell has no argument `stateful`: give it to the layer, `tfseq.RNN(cell,
    stateful=...)`.
    """
    names = [c.__name__ for c in cell.__mro__ if c.__name__.endswith("Cell")]
    twin = next((f"keras.layers.{n}" for n in names if hasattr(layers, n)), "a cell of Keras")
    errors = [
        f"{cell.__name__} has no argument `{argument}`: {_INSTEAD[argument].format(twin=twin)}."
        for argument in arguments
        if argument in _INSTEAD
    ]
    if errors:
        raise ValueError(" ".join(errors))
