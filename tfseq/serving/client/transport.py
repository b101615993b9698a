"""What a client's two ways to a server have in common: where it is, and what goes wrong."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from tfseq.errors import InputError

_ADDRESS = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]]+)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/[^\s?#]*)?"
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[ -~\t]*")

Token = str | Callable[[], str]


class ServingError(InputError):
    """A server did not answer, or answered with an error.

    Attributes:
        code: the name of the gRPC status: `INVALID_ARGUMENT`, `NOT_FOUND`, `UNAVAILABLE`,
            `DEADLINE_EXCEEDED` and so on; REST's HTTP status is translated.
    """

    def __init__(self, code: str, message: str):
        super().__init__(f"The server's answer is {code}: {message}")
        self.code = code


class RequestError(ServingError):
    """A request that the model's metadata do not allow; it was not sent.

    Attributes:
        code: `INVALID_ARGUMENT`, the server's own for such a request.
    """

    def __init__(self, message: str):
        InputError.__init__(self, message)
        self.code = "INVALID_ARGUMENT"


class Endpoint(NamedTuple):
    """Where a server is, and what it wants to see.

    Attributes:
        secure: whether it speaks TLS.
        host, port: an IPv6 host stands in brackets.
        path: what stands before `/v1`; REST's alone.
        headers: sent with every request.
        token: sent as `Authorization: Bearer TOKEN`; a function is called for every request.
        ca_file: a PEM file of the authorities that are trusted in place of the system's.
        client_certificate, client_key: PEM files that say who the client is.
    """

    secure: bool
    host: str
    port: int
    path: str = ""
    headers: Mapping[str, str] = {}
    token: Token | None = None
    ca_file: str | os.PathLike | None = None
    client_certificate: str | os.PathLike | None = None
    client_key: str | os.PathLike | None = None

    @property
    def address(self) -> str:
        """`HOST:PORT`."""
        return f"{self.host}:{self.port}"

    def sent_headers(self) -> dict[str, str]:
        """The headers of one request, the token among them."""
        token = self.token() if callable(self.token) else self.token
        return check_headers(
            {**self.headers, **({"Authorization": f"Bearer {token}"} if token else {})}
        )


def endpoint(address: str, protocol: str, **settings) -> Endpoint:
    """An address and its settings, checked.

    >>> endpoint("https://[::1]/models/", "rest")[:4]
    (True, '[::1]', 443, '/models')

    Raises:
        InputError: if one of them breaks its rule.
    """
    match = _ADDRESS.fullmatch(address)
    port = match and (match["port"] or {"https": 443, "http": 80}.get(match["scheme"]))
    path = match and (match["path"] or "").rstrip("/")
    if not match or not port or not 0 < int(port) < 2**16 or (path and not match["scheme"]):
        raise InputError(
            "`address` must be HOST:PORT, or https://HOST:PORT where the server speaks TLS. "
            f"Received: {address!r}."
        )
    if path and protocol == "grpc":
        raise InputError(f"`address` must have no path with gRPC. Received: {address!r}.")
    secure = match["scheme"] == "https"
    files = ("ca_file", "client_certificate", "client_key")
    given = [f"`{name}`" for name in files if settings.get(name) is not None]
    if given and not secure:
        raise InputError(
            f"{', '.join(given)}: `address` must begin with https://. Received: {address!r}."
        )
    if (settings.get("client_certificate") is None) != (settings.get("client_key") is None):
        raise InputError("`client_certificate` and `client_key` must be given together.")
    check_headers(settings.get("headers") or {})
    settings["headers"] = dict(settings.get("headers") or {})
    return Endpoint(secure, match["host"], int(port), path, **settings)


def token_of_file(path: str | os.PathLike) -> Callable[[], str]:
    """A `token` that is read anew for every request: what stands in the file may change.

    Raises:
        InputError: if the file cannot be read or holds nothing, now or later.
    """

    def read() -> str:
        try:
            token = Path(path).expanduser().read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"The token in {path} cannot be read: {error}.") from error
        if not token:
            raise InputError(f"The file {path} must hold a token. Received: an empty one.")
        return token

    read()
    return read


def check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Raises InputError, which does not repeat what may be secret, where a header is none."""
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise InputError(f"`headers` must have names of HTTP headers. Received: {name!r}.")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise InputError(f"`headers` and `token` must be one line of ASCII. Received: {name}.")
    return headers
