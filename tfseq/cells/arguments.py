"""Checks of constructor arguments that cells and layers share."""

from collections.abc import Iterable

from keras import activations, layers


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


_OF_THE_LAYER = (
    *("return_sequences", "return_state", "go_backwards", "stateful", "unroll"),
    "zero_output_for_mask",
)


def _instead(argument: str, twin: str) -> str | None:
    """What to do in place of an argument of Keras' cells or layers; None for any other argument.

    Args:
        argument: its name.
        twin: the cell of Keras that has it.
    """
    if argument in _OF_THE_LAYER:
        return f"give it to the layer, `tfseq.RNN(cell, {argument}=...)`"
    return {
        "dropout": (
            "use `tfseq.RecurrentStack(..., dropout=...)`, put a keras.layers.Dropout before the "
            f"layer, or take {twin}, which tfseq.RNN runs too"
        ),
        "recurrent_dropout": (
            "use dropout between layers (`tfseq.RecurrentStack(..., dropout=...)`), "
            f"or take {twin}, which has it and which tfseq.RNN runs too"
        ),
        "seed": "call `keras.utils.set_random_seed`, or give the initializers a seed",
        "implementation": "leave it out: there is one implementation",
    }.get(argument)


def refuse_arguments(cell: type, arguments: Iterable[str]) -> None:
    """Raise ValueError for arguments of Keras' cells that `cell` lacks; say what to do instead.

    >>> class EggCell: pass
    >>> refuse_arguments(EggCell, ["name", "stateful"])
    Traceback (most recent call last):
    ValueError: EggCell has no argument `stateful`: give it to the layer, `tfseq.RNN(cell,
    stateful=...)`.
    """
    ancestors = [c.__name__ for c in cell.__mro__ if hasattr(layers, c.__name__)]
    twin = next((f"keras.layers.{n}" for n in ancestors if n.endswith("Cell")), "a cell of Keras")
    told = [
        f"{cell.__name__} has no argument `{argument}`: {instead}."
        for argument in arguments
        if (instead := _instead(argument, twin))
    ]
    if told:
        raise ValueError(" ".join(told))
