"""What every task asks of a vocabulary."""

from tfseq.errors import InputError
from tfseq.text import Vocabulary


def check_tells_apart(vocabulary: Vocabulary) -> None:
    """Raise InputError where a vocabulary holds `<unk>` alone.

    >>> check_tells_apart(Vocabulary(["a"]))
    """
    if len(vocabulary) == 1:
        raise InputError(
            "The vocabulary holds only <unk>, so there is nothing to predict. Lower "
            "`min_frequency`, or raise `max_vocabulary`."
        )
