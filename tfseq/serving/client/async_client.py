"""The client for programs that wait for many things at once."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tfseq.serving.client.client import Client
from tfseq.serving.wire.signature import Signature

_METHODS = (
    "serving_default generate beam_search score next_token encode decode step initial_states"
).split()


class AsyncClient:
    """A `Client` whose methods are awaited, and whose `stream` is iterated by `async for`.

    The methods are those of `Client`, with the same arguments and answers; they run in threads of
    its own. A request whose wait is cancelled goes on to its end, unseen.

    Args:
        address, model_name: as `Client` takes them.
        max_requests: how many requests there may be at once; others wait.
        **options: further arguments of `Client`.

    Example:
        >>> async def classify(texts):
        ...     async with AsyncClient("localhost:8501", "orders_gru", protocol="rest") as client:
        ...         return await client.predict("serving_default", text=texts)
    """

    def __init__(self, address: str, model_name: str, *, max_requests: int = 16, **options: Any):
        if max_requests < 1:
            raise ValueError(f"`max_requests` must be positive. Received: {max_requests}.")
        self._client = Client(address, model_name, **options)
        self._threads = ThreadPoolExecutor(max_requests, "tfseq-client")

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *exception) -> None:
        await self.close()

    async def close(self) -> None:
        """Wait for the requests under way, and close the connections."""
        await asyncio.to_thread(self._threads.shutdown)
        self._client.close()

    async def predict(self, signature: str, **inputs: Any) -> dict[str, np.ndarray]:
        """Call any signature; see `Client.predict`."""
        return await self._run(self._client.predict, signature, **inputs)

    async def signatures(self) -> Mapping[str, Signature]:
        """What the model's signatures take and give."""
        return await self._run(self._client.signatures)

    async def stream(self, *arguments: Any, **settings: Any) -> AsyncIterator[str]:
        """The pieces of one text; see `Client.stream`."""
        pieces = self._client.stream(*arguments, **settings)
        while (piece := await self._run(next, pieces, None)) is not None:
            yield piece

    def __getattr__(self, name: str) -> Callable:
        """The other methods of `Client`."""
        if name not in _METHODS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return functools.partial(self._run, getattr(self._client, name))

    async def _run(self, call: Callable, *arguments: Any, **settings: Any) -> Any:
        work = functools.partial(call, *arguments, **settings)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
