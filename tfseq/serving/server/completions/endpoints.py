"""`/v1/completions` and `/v1/models`, as OpenAI's clients speak them."""

import asyncio
import contextlib
import dataclasses
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from tfseq.serving.server.answers import completion_error, json_answer
from tfseq.serving.server.completions.choice import Piece, ShownToken
from tfseq.serving.server.completions.completion_request import (
    CompletionRequest,
    ParameterError,
    read_request,
)
from tfseq.serving.server.completions.decoding import strings
from tfseq.serving.server.completions.event_stream import EventStream
from tfseq.serving.server.completions.generating import check_settings, generate, in_one_request
from tfseq.serving.server.completions.sessions import Session, Sessions
from tfseq.serving.server.completions.writer import Writer
from tfseq.serving.server.faults import FaultError
from tfseq.serving.server.options import Limits
from tfseq.serving.server.requests import read_object, while_connected
from tfseq.serving.server.rest.metrics import Metrics


@dataclasses.dataclass
class _Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def as_json(self) -> dict[str, int]:
        return {**vars(self), "total_tokens": self.prompt_tokens + self.completion_tokens}


@dataclasses.dataclass
class _Answer:
    """What all parts of an answer say."""

    model: str
    version: str
    id: str = dataclasses.field(default_factory=lambda: f"cmpl-{uuid.uuid4().hex}")
    created: int = dataclasses.field(default_factory=lambda: int(time.time()))

    def with_choices(self, choices: list[dict], usage: _Usage | None) -> dict[str, Any]:
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
            return json_answer(await while_connected(request, self._whole(asked)))

    async def _whole(self, asked: CompletionRequest) -> dict[str, Any]:
        async with self._sessions.open() as session:
            asked = _fitted(asked, session)
            answer, usage = _Answer(self._sessions.name, session.version), _Usage()
            if in_one_request(session, asked):
                pieces = await _generated(session, asked, usage)
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
        return EventStream(first, events, self._limits.timeout)

    async def _events(self, asked: CompletionRequest) -> AsyncIterator[str]:
        async with self._sessions.open() as session:
            asked = _fitted(asked, session)
            answer, usage = _Answer(self._sessions.name, session.version), _Usage()
            begun = False
            try:
                async with contextlib.aclosing(_written(session, asked, usage)) as pieces:
                    async for piece in pieces:
                        yield _event(answer.with_choices([_choice(piece, asked)], None))
                        begun = True
            except FaultError as fault:
                if not begun:
                    raise
                yield _event(completion_error(fault))
                return
            finally:
                self._metrics.count_tokens(usage.completion_tokens)
            if asked.include_usage:
                yield _event(answer.with_choices([], usage))
        yield "data: [DONE]\n\n"


def _fitted(asked: CompletionRequest, session: Session) -> CompletionRequest:
    """A request within the bounds of a version; raises ParameterError for one beyond them."""
    known, settings = session.knowledge, asked.settings
    check_settings(session, settings)
    if asked.max_tokens > known.max_new_tokens:
        raise ParameterError(
            "max_tokens",
            f"`max_tokens` must be at most {known.max_new_tokens}, the limit set at export. "
            f"Received: {asked.max_tokens}.",
        )
    longest = max(len(prompt.encode()) for prompt in asked.prompts)
    if longest > known.max_prompt_bytes:
        raise ParameterError(
            "prompt",
            f"`prompt` must have at most {known.max_prompt_bytes} bytes, the limit set at export. "
            f"Received: {longest}.",
        )
    # What an export takes for all tokens that there may be.
    most = known.max_prompt_bytes + known.max_new_tokens
    window = settings.repetition_window
    window = most if window < 0 else min(window, most)
    return dataclasses.replace(asked, settings=settings._replace(repetition_window=window))


async def _generated(session: Session, asked: CompletionRequest, usage: _Usage) -> list[Piece]:
    """The whole texts, by one request to the export's own graph."""
    prompts = [prompt for prompt in asked.prompts for _ in asked.seeds]
    seeds = asked.seeds * len(asked.prompts)
    encoded, outputs = await asyncio.gather(
        session.predict("encode", {"text": strings(asked.prompts)}),
        generate(session, asked.settings, prompts, seeds, asked.max_tokens, asked.stop),
    )
    if warning := next(filter(None, outputs["warning"].tolist()), b""):
        raise ParameterError(None, warning.decode("utf-8", "replace"))
    usage.prompt_tokens = int(encoded["num_tokens"].sum())
    usage.completion_tokens = int(outputs["num_tokens"].sum())
    ended = np.zeros(len(prompts), bool)
    for name in ("ended", "stopped"):
        ended |= outputs.get(name, False)
    pieces = []
    for index, (prompt, text) in enumerate(zip(prompts, outputs["text"].tolist(), strict=True)):
        text = text.decode("utf-8", "replace")
        text = text if asked.echo else text.removeprefix(prompt)
        pieces.append(Piece(index, text, [], "stop" if ended[index] else "length"))
    return pieces


async def _written(
    session: Session, asked: CompletionRequest, usage: _Usage
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
