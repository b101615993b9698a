"""The one exception that means: what a person typed or supplied cannot be used."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Input from outside (a file, an option, a directory) breaks a rule.

    The message names what was wrong, what is allowed, and what came. The scripts in
    `pipelines/` print it on standard error and leave with exit code 2. Code that is called
    with wrong arguments by a programmer raises plain `ValueError` or `TypeError` instead.

    >>> raise InputError("`units` must be a positive integer. Received: -3.")
    Traceback (most recent call last):
    tfseq.errors.InputError: `units` must be a positive integer. Received: -3.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question that ends a message about an unknown word; "" where no known one is near.

    >>> did_you_mean("unit", ["seed", "units"])
    " Did you mean 'units'?"
    """
    near = difflib.get_close_matches(word, list(known))
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
