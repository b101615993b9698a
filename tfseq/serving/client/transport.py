"""What a client's ways to a server have in common: errors, and trying again."""

import random
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from tfseq.errors import InputError

Answer = TypeVar("Answer")


class ModelName(NamedTuple):
    """Which model of a server is meant; with neither version nor label, the server chooses."""

    name: str
    version: int | None = None
    label: str | None = None


class ServingError(InputError):
    """A server did not answer, or answered with an error.

    Attributes:
        code: the name of the gRPC status: `INVALID_ARGUMENT`, `NOT_FOUND`, `UNAVAILABLE`,
            `DEADLINE_EXCEEDED` and so on; REST's HTTP status is translated.
    """

    def __init__(self, code: str, message: str):
        super().__init__(f"The server's answer is {code}: {message}")
        self.code = code


def with_retries(call: Callable[[], Answer], max_retries: int, first_wait: float) -> Answer:
    """Call; call again while the server is UNAVAILABLE, and after no other error.

    The waits double, each drawn between half its length and the whole (so that clients which
    failed together do not come back together).

    Args:
        call: makes one request.
        max_retries: how many more times to call, at most.
        first_wait: seconds.

    Raises:
        ServingError: the last one.
    """
    for attempt in range(max_retries):
        try:
            return call()
        except ServingError as error:
            if error.code != "UNAVAILABLE":
                raise
        time.sleep(first_wait * 2**attempt * random.uniform(0.5, 1))
    return call()
