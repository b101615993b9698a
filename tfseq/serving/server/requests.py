"""Bodies of requests, read within bounds, and clients that hang up."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from tfseq.serving.server.faults import FaultError, invalid
from tfseq.serving.server.options import Limits

Answer = TypeVar("Answer")
# So many times the longest body are read of one that is longer.
_MOST_DROPPED = 4


class HungUpError(Exception):
    """The client is gone: nobody waits for an answer."""


async def read_body(request: Request, limits: Limits) -> bytes:
    """The body of a request; raises FaultError where it is too long, or does not come.

    What is too long is read and dropped, up to a few times as much: a client that is not done with
    sending would not see why it is refused. One that asks first is told at once.
    """
    length, most = request.headers.get("content-length", "0"), limits.max_body_bytes
    too_long = FaultError(
        "INVALID_ARGUMENT", f"The body of a request must have at most {most} bytes.", 413
    )
    if length.isdecimal() and int(length) > most and "expect" in request.headers:
        raise too_long
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.timeout):
            async for part in request.stream():
                size += len(part)
                if size <= most:
                    parts.append(part)
                    continue
                parts.clear()
                if size > _MOST_DROPPED * most:
                    break
    except TimeoutError:
        raise FaultError(
            "DEADLINE_EXCEEDED", f"The body did not come within {limits.timeout:g} s.", 408
        ) from None
    except ClientDisconnect:
        raise HungUpError from None
    if size > most:
        raise too_long
    return b"".join(parts)


async def read_object(request: Request, limits: Limits) -> dict[str, Any]:
    """The JSON object that is the body of a request."""
    data = await read_body(request, limits)
    try:
        body = json.loads(data)
    except RecursionError:
        raise invalid("The body is nested too deeply.") from None
    except ValueError as error:
        raise invalid(f"The body must be JSON: {error}.") from None
    if not isinstance(body, dict):
        raise invalid("The body must be a JSON object.")
    return body


async def while_connected(request: Request, work: Awaitable[Answer]) -> Answer:
    """Do some work; raises HungUpError, and ends the work, when the client hangs up."""
    task = asyncio.ensure_future(work)
    hung_up = asyncio.create_task(_hang_up(request))
    try:
        await asyncio.wait([task, hung_up], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise HungUpError
    finally:
        for each in (task, hung_up):
            each.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
