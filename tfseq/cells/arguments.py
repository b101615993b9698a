"""Checks of constructor arguments that cells and layers share."""

import operator

from keras import activations


def positive_integer(argument: str, value) -> int:
    """`value` as an int, if it is a positive integer; `argument` names it in the error.

    >>> positive_integer("units", 0)
    Traceback (most recent call last):
    ValueError: `units` must be a positive integer. Received: units=0.
    """
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number <= 0:
        raise ValueError(
            f"`{argument}` must be a positive integer. Received: {argument}={value!r}."
        )
    return number


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
