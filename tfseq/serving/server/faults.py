"""What a request is answered instead of a result."""

from collections.abc import Mapping

#: Status code of gRPC -> HTTP's, as TensorFlow Serving translates them.
HTTP_STATUS = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
#: Their numbers, from 1 on.
CODES = dict(enumerate(HTTP_STATUS, start=1))


class FaultError(Exception):
    """A request that cannot be answered.

    Attributes:
        code: the name of a gRPC status.
        http_status: HTTP's status; left out, the one that belongs to the code.
        headers: that the answer has.
    """

    def __init__(
        self,
        code: str,
        message: str,
        http_status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(message)
        self.code = code
        self.http_status = http_status or HTTP_STATUS[code]
        self.headers = dict(headers or {})


def invalid(message: str) -> FaultError:
    """The fault of a request that breaks a rule."""
    return FaultError("INVALID_ARGUMENT", message)


def server_ends() -> FaultError:
    """The fault of a request that has no time left."""
    return FaultError("UNAVAILABLE", "The server ends.")
