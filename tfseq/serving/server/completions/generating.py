"""Whole texts from an export's own graph, by one request."""

from collections.abc import Sequence

import numpy as np

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


def check_settings(session: Session, settings: DrawSettings) -> None:
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
