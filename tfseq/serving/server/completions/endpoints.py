"""`/v1/completions` and `/v1/models`, as OpenAI's clients speak them."""

import asyncio
import contextlib
import dataclasses
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tfseq.serving.server.answers import completion_error, json_answer
from tfseq.serving.server.completions.choice import Piece, ShownToken, Usage
from tfseq.serving.server.completions.completion_request import (
    CompletionRequest,
    read_request,
)
from tfseq.serving.server.completions.event_stream import EventStream
from tfseq.serving.server.completions.generating import fitted, generated, in_one_request
from tfseq.serving.server.completions.sessions import Session, Sessions
from tfseq.serving.server.completions.writer import Writer
from tfseq.serving.server.faults import FaultError, server_ends
from tfseq.serving.server.options import Limits
from tfseq.serving.server.requests import read_object, while_connected
from tfseq.serving.server.rest.metrics import Metrics

_LOG = logging.getLogger("tfseq.server")


@dataclasses.dataclass
class _Answer:
    """What all parts of an answer say."""

    model: str
    version: str
    id: str = dataclasses.field(default_factory=lambda: f"cmpl-{uuid.uuid4().hex}")
    created: int = dataclasses.field(default_factory=lambda: int(time.time()))

    def with_choices(self, choices: list[dict], usage: Usage | None) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "system_fingerprint": f"version-{self.version}",
            "choices": choices,
            **({"usage": usage.as_json()} if usage else {}),
        }


class CompletionEndpoint:
    """Continues prompts, whole or as a stream of server-sent events."""

    def __init__(self, sessions: Sessions, limits: Limits, metrics: Metrics):
        self._sessions, self._limits, self._metrics = sessions, limits, metrics

    async def __call__(self, request: Request) -> Response:
        """Answer `POST /v1/completions`."""
        with self._metrics.counted("completions"):
            body = await read_object(request, self._limits)
            asked = read_request(body, self._sessions.name)
            if asked.stream:
                return await while_connected(request, self._start_stream(asked))
            return json_answer(await while_connected(request, self._in_time(asked)))

    async def _in_time(self, asked: CompletionRequest) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._limits.timeout):
                return await self._whole(asked)
        except TimeoutError:
            raise FaultError(
                "DEADLINE_EXCEEDED",
                f"The text was not written within {self._limits.timeout:g} s; ask for a stream.",
            ) from None

    async def _whole(self, asked: CompletionRequest) -> dict[str, Any]:
        async with self._sessions.open() as session:
            asked = fitted(asked, session)
            answer, usage = _Answer(self._sessions.name, session.version), Usage()
            if in_one_request(session, asked):
                pieces = await generated(session, asked, usage)
            else:
                pieces = [piece async for piece in _written(session, asked, usage)]
            self._metrics.count_tokens(usage.completion_tokens)
            choices: dict[int, list[Piece]] = {}
            for piece in pieces:
                choices.setdefault(piece.index, []).append(piece)
            joined = [_joined(choices[index]) for index in sorted(choices)]
            return answer.with_choices([_choice(piece, asked) for piece in joined], usage)

    async def _start_stream(self, asked: CompletionRequest) -> Response:
        """A stream whose first event is there: what is wrong with a request shows before it."""
        events = self._events(asked)
        try:
            first = await anext(events)
        except BaseException:
            await events.aclose()
            raise
        cut = _event(completion_error(server_ends()))
        return EventStream(first, events, self._limits.timeout, cut)

    async def _events(self, asked: CompletionRequest) -> AsyncIterator[str]:
        async with self._sessions.open() as session:
            asked = fitted(asked, session)
            answer, usage = _Answer(self._sessions.name, session.version), Usage()
            begun = False
            try:
                async with contextlib.aclosing(_written(session, asked, usage)) as pieces:
                    async for piece in pieces:
                        event = answer.with_choices([_choice(piece, asked)], None)
                        # Who asks for it with the last event sees it in all.
                        yield _event({**event, "usage": None} if asked.include_usage else event)
                        begun = True
            except Exception as error:
                if not begun:
                    raise
                if not isinstance(error, FaultError):  # A fault of ours.
                    _LOG.exception("a stream of completions")
                    error = FaultError("INTERNAL", repr(error))
                yield _event(completion_error(error))
                return
            finally:
                self._metrics.count_tokens(usage.completion_tokens)
            if asked.include_usage:
                yield _event(answer.with_choices([], usage))
        yield "data: [DONE]\n\n"


async def _written(
    session: Session, asked: CompletionRequest, usage: Usage
) -> AsyncIterator[Piece]:
    """The pieces of all texts as they come, the prompts side by side."""
    count = len(asked.seeds)
    writers = [
        Writer(session, asked, prompt, number * count)
        for number, prompt in enumerate(asked.prompts)
    ]
    # One piece of each at most waits to be taken.
    queue: asyncio.Queue = asyncio.Queue(maxsize=1)

    async def write(writer: Writer) -> None:
        try:
            async with contextlib.aclosing(writer.write()) as pieces:
                async for piece in pieces:
                    await queue.put(piece)
            await queue.put(None)
        except Exception as error:
            await queue.put(error)

    tasks = [asyncio.create_task(write(writer)) for writer in writers]
    try:
        num_writing = len(writers)
        while num_writing:
            piece = await queue.get()
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                num_writing -= 1
            else:
                yield piece
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        usage.prompt_tokens = sum(writer.num_prompt_tokens for writer in writers)
        usage.completion_tokens = sum(writer.num_tokens for writer in writers)


def _joined(pieces: list[Piece]) -> Piece:
    return Piece(
        pieces[0].index,
        "".join(piece.text for piece in pieces),
        [token for piece in pieces for token in piece.tokens],
        pieces[-1].finish_reason,
    )


def _choice(piece: Piece, asked: CompletionRequest) -> dict[str, Any]:
    return {
        "index": piece.index,
        "text": piece.text,
        "logprobs": None if asked.logprobs is None else _logprobs(piece.tokens, asked.logprobs),
        "finish_reason": piece.finish_reason,
    }


def _logprobs(tokens: list[ShownToken], num_top: int) -> dict[str, list]:
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [token.log_probability for token in tokens],
        "top_logprobs": [token.top for token in tokens] if num_top else None,
        "text_offset": [token.offset for token in tokens],
    }


def _event(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n"
