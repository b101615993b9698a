"""An answer by server-sent events, to a client that may hang up or not read."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from starlette.responses import Response


class EventStream(Response):
    """Sends events as they come.

    Args:
        first: the first event.
        events: the others; closed at the end, however that comes.
        timeout: seconds until a client that reads nothing is given up.
        cut: the last event where the server ends before the others are sent.
    """

    media_type = "text/event-stream"

    def __init__(self, first: str, events: AsyncGenerator[str, None], timeout: float, cut: str):
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._first, self._events, self._timeout, self._cut = first, events, timeout, cut

    async def __call__(self, scope, receive, send) -> None:
        """Send the answer, as ASGI has it."""
        sending = asyncio.create_task(self._send_all(send))
        hung_up = asyncio.create_task(_hang_up(receive))
        try:
            await asyncio.wait([sending, hung_up], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._end(sending, hung_up)
            # It may not have begun, or may just be done.
            with contextlib.suppress(TimeoutError, OSError, RuntimeError):
                await self._send(send, self._cut, 1.0)
                await send({"type": "http.response.body", "body": b""})
        finally:
            await self._end(sending, hung_up)

    async def _end(self, sending: asyncio.Task, hung_up: asyncio.Task) -> None:
        for task in (sending, hung_up):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, TimeoutError, OSError):
            await sending
        await self._events.aclose()

    async def _send_all(self, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await self._send(send, self._first, self._timeout)
        async for event in self._events:
            await self._send(send, event, self._timeout)
        await send({"type": "http.response.body", "body": b""})

    async def _send(self, send, event: str, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await send({"type": "http.response.body", "body": event.encode(), "more_body": True})


async def _hang_up(receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
