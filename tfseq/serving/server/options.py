"""What a person sets when a server is started, and the bounds of its work."""

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class ServerOptions:
    """Serve an export by HTTP, until Ctrl-C or SIGTERM."""

    path: Annotated[PathText, tyro.conf.Positional]
    """The directory with the versions, exported/NAME; the model is called NAME."""
    host: str = "127.0.0.1"
    """Address to listen at. Any but this machine's own, 127.0.0.1, needs a token."""
    port: Annotated[int, from_to(0, 65535)] = 8501
    """Port to listen at; 0 takes a free one."""
    token: str | None = None
    """What requests must bear, `Authorization: Bearer TOKEN`; if omitted, the environment variable
    TFSEQ_SERVER_TOKEN, which other people on this machine cannot read."""
    upstream: str | None = None
    """HOST:PORT of the REST API of a TensorFlow Serving with the model NAME: pass requests on to
    it, and load nothing here."""
    num_versions: PositiveInt = 1
    """How many of the newest versions to load."""
    labels: tuple[str, ...] = ()
    """Names of versions, as in stable=1; versions with a name stay loaded."""
    poll_seconds: PositiveFloat = 1.0
    """Time between two looks for new versions."""
    timeout: PositiveFloat = 30.0
    """Seconds until a request is given up; for a stream, until its next token."""
    max_queue: PositiveInt = 256
    """How many requests may wait; those beyond are refused with status 429."""
    max_body_mb: PositiveFloat = 8.0
    """Largest body of a request in megabytes; those beyond are refused with status 413."""
    max_batch_size: PositiveInt = 32
    """The most rows that are run together."""
    batch_ms: NonNegativeFloat = 2.0
    """How long a request waits for others to be run with, in milliseconds, while the model is
    busy."""
    num_threads: CountOrZero = 0
    """How many batches run at once; 0 takes the number of cores."""
    drain_seconds: PositiveFloat = 30.0
    """How long requests may go on when the server is told to end."""

    def limits(self, num_cores: int) -> "Limits":
        """The bounds of its work."""
        return Limits(
            timeout=self.timeout,
            max_queue=self.max_queue,
            max_body_bytes=round(self.max_body_mb * 1e6),
            max_batch_size=self.max_batch_size,
            batch_seconds=self.batch_ms / 1000,
            num_threads=self.num_threads or num_cores,
            drain_seconds=self.drain_seconds,
        )


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds of a server's work.

    Attributes:
        timeout: seconds until a request is given up; for a stream, until its next token.
        max_queue: requests that may wait for their turn; those beyond are refused.
        max_body_bytes: of a request.
        max_batch_size: rows that are run together.
        batch_seconds: how long a request waits for company while others are running.
        num_threads: batches that run at once.
        load_seconds: until a version that is being loaded is given up.
        drain_seconds: how long requests may go on when a version or the server ends.
    """

    timeout: float = 30.0
    max_queue: int = 256
    max_body_bytes: int = 8_000_000
    max_batch_size: int = 32
    batch_seconds: float = 0.002
    num_threads: int = 2
    load_seconds: float = 300.0
    drain_seconds: float = 30.0
