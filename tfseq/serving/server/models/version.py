"""One version of a model, from its loading to its end."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tfseq.serving.server.faults import FaultError
from tfseq.serving.server.models.batching import Batching
from tfseq.serving.server.models.model_process import ModelProcess
from tfseq.serving.server.models.signatures import read_signatures, read_warm_up
from tfseq.serving.server.options import Limits
from tfseq.serving.wire.signature import Signature

# Until a version that is being loaded is given up.
_LOAD_SECONDS = 300.0

LOADING, AVAILABLE, UNLOADING, END = "LOADING", "AVAILABLE", "UNLOADING", "END"


class Version:
    """A version directory that is loaded, answers, and is unloaded when its last request is done.

    Attributes:
        number: the name of its directory.
        state: as TensorFlow Serving calls it.
        fault: why it does not answer, where it ended by itself.
        signatures: by name.
    """

    def __init__(self, directory: Path, limits: Limits, on_batch: Callable[[int], None]):
        self.directory, self.number = directory, int(directory.name)
        self.state, self.fault = LOADING, None
        self.signatures: dict[str, Signature] = {}
        self._limits, self._on_batch = limits, on_batch
        self._process: ModelProcess | None = None
        self._batching: Batching | None = None
        self._num_users = 0

    async def load(self) -> None:
        """Load it and run its warm-up requests; afterwards it is AVAILABLE, or has ended."""
        limits = self._limits
        try:
            self.signatures = read_signatures(self.directory)
            requests = read_warm_up(self.directory)
            self._process = await ModelProcess.load(self.directory, limits.threads, _LOAD_SECONDS)
            for name, inputs in requests:
                if name not in self.signatures:
                    raise FaultError("NOT_FOUND", f"A warm-up request is for {name}, unknown.")
                await self._run(name, inputs, _LOAD_SECONDS)
        except FaultError as fault:
            await self._end(fault)
            return
        except asyncio.CancelledError:
            await self._end(FaultError("CANCELLED", "The server ended."))
            raise
        except Exception as error:  # It would be loading for ever.
            await self._end(FaultError("INTERNAL", repr(error)))
            return
        self._batching = Batching(self._run, self.signatures, limits, self._on_batch)
        self.state = AVAILABLE

    @property
    def is_available(self) -> bool:
        """Whether it takes requests."""
        return self.state == AVAILABLE and not self._process.has_ended

    @property
    def has_crashed(self) -> bool:
        """Whether its process ended while it was to answer."""
        return self.state == AVAILABLE and self._process.has_ended

    @property
    def num_waiting(self) -> int:
        """Requests that wait for their turn."""
        return self._batching.num_waiting if self._batching else 0

    @property
    def process_id(self) -> int | None:
        """Of the process that holds it."""
        return self._process.pid if self._process else None

    @contextlib.contextmanager
    def in_use(self) -> Iterator["Version"]:
        """Keep it until the end of a `with`: for one request, or several that belong together."""
        self._num_users += 1
        try:
            yield self
        finally:
            self._num_users -= 1

    async def predict(
        self, signature: str, inputs: dict[str, np.ndarray], timeout: float, queued: bool = True
    ) -> dict[str, np.ndarray]:
        """Outputs by name; see `Batching.predict`."""
        with self.in_use():
            return await self._batching.predict(signature, inputs, timeout, queued)

    async def unload(self, drain_seconds: float) -> None:
        """Take no more requests, finish those that are there, and end the process."""
        if self.state != AVAILABLE:
            return
        self.state = UNLOADING
        deadline = asyncio.get_running_loop().time() + drain_seconds
        while self._num_users and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        await self._end(None)

    async def _run(self, name: str, inputs: dict[str, np.ndarray], timeout: float) -> dict:
        signature = self.signatures[name]
        feeds = {signature.inputs[key].tensor: value for key, value in inputs.items()}
        fetches = [info.tensor for info in signature.outputs.values()]
        values = await self._process.run(feeds, fetches, timeout)
        return dict(zip(signature.outputs, values, strict=True))

    async def _end(self, fault: FaultError | None) -> None:
        if self._process is not None:
            await self._process.close()
        self.state, self.fault = END, fault
