"""What a client's ways to a server have in common: whom they ask, and errors."""

from typing import NamedTuple

from tfseq.errors import InputError


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
