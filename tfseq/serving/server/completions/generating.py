"""Whole texts from an export's own graph, by one request."""

import asyncio
import dataclasses
from collections.abc import Sequence

import numpy as np

from tfseq.serving.server.completions.choice import Piece, Usage
from tfseq.serving.server.completions.completion_request import CompletionRequest, ParameterError
from tfseq.serving.server.completions.decoding import strings
from tfseq.serving.server.completions.sessions import Session
from tfseq.serving.writing.token_drawer import DrawSettings

_CONTROLLED = "generate_controlled"
# Those of an export, fixed in its graph.
_MOST_STOPS, _MOST_STOP_BYTES = 4, 64


def in_one_request(session: Session, asked: CompletionRequest) -> bool:
    """Whether the graph can do all that a request asks for."""
    if asked.logprobs is not None:
        return False
    fits = all(len(stop.encode()) <= _MOST_STOP_BYTES for stop in asked.stop)
    return not asked.stop or (fits and _CONTROLLED in session.signatures)


def fitted(asked: CompletionRequest, session: Session) -> CompletionRequest:
    """A request within the bounds of a version; raises ParameterError for one beyond them."""
    known, settings = session.knowledge, asked.settings
    _check_settings(session, settings)
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
    # All tokens that there may be, which is never more than an export takes.
    most, window = longest + asked.max_tokens, settings.repetition_window
    window = most if window < 0 else min(window, most)
    return dataclasses.replace(asked, settings=settings._replace(repetition_window=window))


async def generated(session: Session, asked: CompletionRequest, usage: Usage) -> list[Piece]:
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


async def generate(
    session: Session,
    settings: DrawSettings,
    prompts: Sequence[str],
    seeds: Sequence[int],
    max_new_tokens: int,
    stop: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """The outputs of `generate`, or of `generate_controlled` where more is asked for."""
    rows = len(prompts)

    def column(value: float, dtype: type) -> np.ndarray:
        return np.full(rows, value, dtype)

    inputs = {
        "prompt": strings(prompts),
        "max_new_tokens": column(max_new_tokens, np.int32),
        "temperature": column(settings.temperature, np.float32),
        "top_k": column(settings.top_k, np.int32),
        "top_p": column(settings.top_p, np.float32),
        "seed": np.array(seeds, np.int64),
    }
    if not stop and not _controls(settings):
        return await session.predict("generate", inputs)
    # An empty string is none. All requests have four: several may stand in one batch.
    stops = strings([*stop, *[""] * (_MOST_STOPS - len(stop))])
    inputs |= {
        "stop": np.tile(stops, (rows, 1)),
        "min_p": column(settings.min_p, np.float32),
        "repetition_penalty": column(settings.repetition_penalty, np.float32),
        "repetition_window": column(settings.repetition_window, np.int32),
        "frequency_penalty": column(settings.frequency_penalty, np.float32),
    }
    return await session.predict(_CONTROLLED, inputs)


def _controls(settings: DrawSettings) -> bool:
    return settings.min_p > 0 or settings.penalizes


def _check_settings(session: Session, settings: DrawSettings) -> None:
    """Raises ParameterError for what an export of an earlier version cannot do."""
    if _CONTROLLED in session.signatures or not _controls(settings):
        return
    given = {
        "min_p": settings.min_p > 0,
        "repeat_penalty": settings.repetition_penalty != 1,
        "frequency_penalty": settings.frequency_penalty != 0,
    }
    name = next(name for name, is_given in given.items() if is_given)
    raise ParameterError(
        name, f"`{name}` needs an export with the signature {_CONTROLLED}; this one has none."
    )
