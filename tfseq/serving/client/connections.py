"""Connections of HTTP that are kept open and shared by threads."""

import contextlib
import http.client
import os
import ssl
import threading
import time
import urllib.request

from tfseq.errors import InputError
from tfseq.serving.client.transport import Endpoint, ServingError

_MOST_IDLE = 64
_CHUNK_BYTES = 1 << 20


class Connections:
    """As many connections to one server as there are requests at once; idle ones are used again.

    A server may end an idle connection at any time: a request that finds it ended is sent again
    over a new one. Proxies are those of the environment (`https_proxy`, `no_proxy` and so on).
    """

    def __init__(self, endpoint: Endpoint):
        self._endpoint = endpoint
        self._tls = _tls(endpoint) if endpoint.secure else None
        scheme = "https" if endpoint.secure else "http"
        self._url = f"{scheme}://{endpoint.address}"
        self._proxy = _proxy(scheme, endpoint)
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._closed = False

    def ask(
        self, method: str, path: str, body: bytes | None, timeout: float
    ) -> tuple[int, str, bytes]:
        """One request; returns the answer's status, its reason, and its body.

        Raises:
            ServingError: if no whole answer comes within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        headers = {"Content-Type": "application/json", **self._endpoint.sent_headers()}
        while True:
            connection = self._take()
            used = connection.sock is not None
            try:
                return self._exchange(connection, method, path, body, headers, deadline)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if used and not isinstance(error, TimeoutError):
                    continue
                raise self._failure(error, timeout) from error
            except BaseException:
                connection.close()
                raise

    def close(self) -> None:
        """End the idle connections."""
        self._closed = True
        self._end_idle()

    def _end_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _exchange(self, connection, method, path, body, headers, deadline):
        connection.timeout = _left(deadline)
        if connection.sock is None:
            connection.connect()
        socket = connection.sock
        socket.settimeout(_left(deadline))
        target = path if self._proxy is None or self._tls else self._url + path
        connection.request(method, target, body, headers)
        socket.settimeout(_left(deadline))
        response = connection.getresponse()
        parts = []
        while part := response.read1(_CHUNK_BYTES):
            parts.append(part)
            left = _left(deadline)
            with contextlib.suppress(OSError):  # The whole answer may be here, and this closed.
                socket.settimeout(left)
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        # Read in parts, it does not see its end.
        response.close()
        self._keep(connection)
        return response.status, response.reason, b"".join(parts)

    def _take(self) -> http.client.HTTPConnection:
        if self._process != os.getpid():
            # The connections of the process that this one was forked from are not ours to use.
            self._process, self._lock = os.getpid(), threading.Lock()
            self._end_idle()
        with self._lock:
            if self._idle:
                return self._idle.pop()
        place = self._proxy or (self._endpoint.host, self._endpoint.port)
        if self._tls is None:
            return http.client.HTTPConnection(*place)
        connection = http.client.HTTPSConnection(*place, context=self._tls)
        if self._proxy is not None:
            connection.set_tunnel(self._endpoint.host, self._endpoint.port)
        return connection

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        if connection.sock is None:
            return
        with self._lock:
            if not self._closed and len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _failure(self, error: Exception, timeout: float) -> ServingError:
        if isinstance(error, TimeoutError):
            return ServingError("DEADLINE_EXCEEDED", f"none within {timeout} s")
        reason = str(error) or type(error).__name__
        if isinstance(error, ssl.SSLCertVerificationError):
            return ServingError(
                "UNAUTHENTICATED",
                f"{self._url} has a certificate that is not trusted: {reason}. `ca_file` names "
                "those that are.",
            )
        if isinstance(error, ssl.SSLError) and "WRONG_VERSION" in reason:
            return ServingError("INTERNAL", f"{self._url} does not speak TLS: {reason}")
        unlike = isinstance(error, http.client.BadStatusLine)
        if unlike and not isinstance(error, http.client.RemoteDisconnected):
            return ServingError(
                "INTERNAL",
                f"{self._url} does not speak HTTP/1.1: is it the port of gRPC, or of TLS? {reason}",
            )
        return ServingError("UNAVAILABLE", f"{self._url}: {reason}")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=endpoint.ca_file)
        if endpoint.client_certificate is not None:
            context.load_cert_chain(endpoint.client_certificate, endpoint.client_key)
    except OSError as error:
        files = (endpoint.ca_file, endpoint.client_certificate, endpoint.client_key)
        names = ", ".join(str(name) for name in files if name is not None)
        raise InputError(f"No certificates can be read from {names}: {error}.") from error
    return context


def _proxy(scheme: str, endpoint: Endpoint) -> tuple[str, int] | None:
    """Host and port of the environment's proxy, if there is one for this server."""
    proxy = urllib.request.getproxies().get(scheme)
    if not proxy or urllib.request.proxy_bypass(endpoint.host.strip("[]")):
        return None
    parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if parts.scheme != "http" or not parts.hostname or parts.username:
        raise InputError(
            f"The proxy of the environment must be http://HOST:PORT. Received: {scheme}_proxy for "
            f"{endpoint.address}."
        )
    return parts.hostname, parts.port or 80
