"""What a person sets when a server is started, and the bounds of its work."""

import dataclasses
import os
from typing import Annotated

import tyro

from tfseq.options.rules import (
    CountOrZero,
    NonNegativeFloat,
    PathText,
    PositiveFloat,
    PositiveInt,
    from_to,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of a server's work."""

    timeout: PositiveFloat = 30.0
    """Seconds until a request is given up; for a stream, seconds without a token."""
    max_queue: PositiveInt = 256
    """How many requests may wait; those beyond are refused with status 429."""
    max_body_mb: PositiveFloat = 8.0
    """Largest body of a request in megabytes; those beyond are refused with status 413."""
    max_batch_size: PositiveInt = 32
    """The most rows that are run together."""
    batch_ms: NonNegativeFloat = 2.0
    """Milliseconds that a request waits for others to share its batch, while the model is busy."""
    num_threads: CountOrZero = 0
    """How many batches run at once; 0 takes the number of cores."""
    drain_seconds: PositiveFloat = 30.0
    """Seconds that requests may still take when the server is told to end, or a version ends."""

    @property
    def max_body_bytes(self) -> int:
        """Of a request."""
        return round(self.max_body_mb * 1e6)

    @property
    def threads(self) -> int:
        """Batches that run at once."""
        return self.num_threads or os.cpu_count() or 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerOptions(Limits):
    """Serve an export by HTTP, until Ctrl-C or SIGTERM."""

    path: Annotated[PathText, tyro.conf.Positional]
    """The directory with the versions, exported/NAME; the model is called NAME."""
    host: str = "127.0.0.1"
    """Address to listen at. Any other than this machine's own, 127.0.0.1, needs a token."""
    port: Annotated[int, from_to(0, 65535)] = 8501
    """Port to listen at; 0 takes a free one."""
    token: str | None = None
    """Token that requests must carry, as `Authorization: Bearer TOKEN`. Better set the environment
    variable TFSEQ_SERVER_TOKEN, which other users of this machine cannot read."""
    allow_origin: tuple[str, ...] = ()
    """Origins whose pages in a browser may ask this server, as in https://host.example; null is a
    page opened from a file, and * is any."""
    upstream: str | None = None
    """HOST:PORT of the REST API of a TensorFlow Serving that has the model NAME: pass requests on
    to it, and load no model here."""
    num_versions: PositiveInt = 1
    """How many of the newest versions to load."""
    labels: tuple[str, ...] = ()
    """Names of versions, as in stable=1; versions with a name stay loaded."""
    poll_seconds: PositiveFloat = 1.0
    """Seconds between two looks for new versions."""
