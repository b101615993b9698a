"""The one exception that means: what a person typed or supplied cannot be used."""


class InputError(ValueError):
    """Input from outside (a file, an option, a directory) breaks a rule.

    The message names what was wrong, what is allowed, and what came. The scripts in
    `pipelines/` print it on standard error and leave with exit code 2. Code that is called
    with wrong arguments by a programmer raises plain `ValueError` or `TypeError` instead.

    >>> raise InputError("`units` must be a positive integer. Received: -3.")
    Traceback (most recent call last):
    tfseq.errors.InputError: `units` must be a positive integer. Received: -3.
    """
