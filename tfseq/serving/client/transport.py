"""What goes wrong on either of a client's ways to a server."""

from tfseq.errors import InputError


class ServingError(InputError):
    """A server did not answer, or answered with an error.

    Attributes:
        code: the name of the gRPC status: `INVALID_ARGUMENT`, `NOT_FOUND`, `UNAVAILABLE`,
            `DEADLINE_EXCEEDED` and so on; REST's HTTP status is translated.
    """

    def __init__(self, code: str, message: str):
        super().__init__(f"The server's answer is {code}: {message}")
        self.code = code
