"""The body of a request for completions: what is understood, and what is refused by name."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfseq.serving.server.faults import FaultError
from tfseq.serving.writing.token_drawer import DrawSettings

_MOST_CHOICES = 128
_MOST_LOGPROBS = 20
_MOST_STOPS = 4
# Those of which nothing is known here, and the values that ask for nothing.
_UNSUPPORTED: dict[str, tuple] = {
    "presence_penalty": (None, 0),
    "logit_bias": (None, {}),
    "suffix": (None, ""),
}
# What others call a parameter.
_OTHER_NAMES = {
    "repetition_penalty": "repeat_penalty",
    "repetition_window": "repeat_last_n",
    "n_predict": "max_tokens",
}
# It changes no answer.
_WITHOUT_EFFECT = ("user",)


class ParameterError(FaultError):
    """A parameter that breaks a rule; `param` is its name."""

    def __init__(self, param: str, message: str, code: str = "INVALID_ARGUMENT"):
        super().__init__(code, message)
        self.param = param


@dataclass(frozen=True)
class CompletionRequest:
    """What is asked for; parameters have OpenAI's names and defaults, or those of llama.cpp.

    Attributes:
        prompts: texts, each continued `n` times.
        settings: how tokens are chosen; a window of -1 stands for the whole text.
        logprobs: None for none; else how many other tokens are shown beside each.
        seeds: of the n continuations of a prompt.
    """

    prompts: tuple[str, ...]
    max_tokens: int
    settings: DrawSettings
    seeds: tuple[int, ...]
    stop: tuple[str, ...]
    logprobs: int | None
    echo: bool
    stream: bool
    include_usage: bool


def read_request(body: Mapping[str, Any], model_name: str) -> CompletionRequest:
    """The request in a JSON object; raises ParameterError."""
    given = {name: value for name, value in body.items() if value is not None}
    for name, neutral in _UNSUPPORTED.items():
        if given.pop(name, None) not in neutral:
            raise ParameterError(
                name, f"`{name}` is not supported by this server. Received: {_short(body[name])}."
            )
    for name in _WITHOUT_EFFECT:
        given.pop(name, None)
    take = _Taker(given)
    model = take("model", "a text", _is_text, model_name)
    if model != model_name:
        raise ParameterError(
            "model", f"There is no model {model!r}, only {model_name!r}.", "NOT_FOUND"
        )
    prompt = take("prompt", "a text, or a list of texts", _is_prompt, "")
    n = take("n", f"an integer from 1 to {_MOST_CHOICES}", _whole(1, _MOST_CHOICES), 1)
    best_of = take("best_of", "what `n` is: more are not supported", lambda v: v == n, n)
    prompts = (prompt,) if isinstance(prompt, str) else tuple(prompt)
    if len(prompts) * best_of > _MOST_CHOICES:
        raise ParameterError(
            "n", f"At most {_MOST_CHOICES} completions at once. Received: {len(prompts) * n}."
        )
    seed = take("seed", "a 64-bit integer", _whole(-(2**63), 2**63 - 1), secrets.randbits(31))
    stop = take("stop", f"a text, or up to {_MOST_STOPS}, none empty", _is_stop, ())
    options = take("stream_options", "an object with `include_usage`", _is_stream_options, {})
    request = CompletionRequest(
        prompts=prompts,
        max_tokens=take("max_tokens", "zero or a positive integer", _whole(0, 2**31 - 1), 16),
        settings=_settings(take),
        seeds=tuple((seed + i + 2**63) % 2**64 - 2**63 for i in range(n)),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        logprobs=take(
            "logprobs", f"an integer from 0 to {_MOST_LOGPROBS}", _whole(0, _MOST_LOGPROBS), None
        ),
        echo=take("echo", "true or false", _is_flag, False),
        stream=take("stream", "true or false", _is_flag, False),
        include_usage=options.get("include_usage") or False,
    )
    for name in given:
        other = f"; `{_OTHER_NAMES[name]}` is" if name in _OTHER_NAMES else ""
        raise ParameterError(name, f"`{name}` is not supported by this server{other}.")
    return request


def _settings(take: "_Taker") -> DrawSettings:
    def number(name: str, low: float, high: float, default: float) -> float:
        rule = f"a number from {low} to {high}"
        return _float32(take(name, rule, _number(low, high), default))

    most = 2**31 - 1
    return DrawSettings(
        temperature=number("temperature", 0, 100, 1.0),
        top_k=take("top_k", "zero or a positive integer", _whole(0, most), 0),
        top_p=number("top_p", 0, 1, 1.0),
        min_p=number("min_p", 0, 1, 0.0),
        repetition_penalty=number("repeat_penalty", 0.01, 100, 1.0),
        repetition_window=take(
            "repeat_last_n", "-1, zero or a positive integer", _whole(-1, most), 64
        ),
        frequency_penalty=number("frequency_penalty", -100, 100, 0.0),
    )


class _Taker:
    """Takes parameters out of those that were given, each held to its rule."""

    def __init__(self, given: dict[str, Any]):
        self._given = given

    def __call__(self, name: str, rule: str, holds: Callable[[Any], bool], default: Any) -> Any:
        if name not in self._given:
            return default
        value = self._given.pop(name)
        if not holds(value):
            raise ParameterError(name, f"`{name}` must be {rule}. Received: {_short(value)}.")
        return value


def _is_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # Half a surrogate pair.
        return False
    return True


def _is_prompt(value: Any) -> bool:
    return _is_text(value) or (
        isinstance(value, list) and value != [] and all(map(_is_text, value))
    )


def _is_stop(value: Any) -> bool:
    stops = [value] if isinstance(value, str) else value
    return (
        isinstance(stops, list)
        and len(stops) <= _MOST_STOPS
        and all(_is_text(stop) and stop for stop in stops)
    )


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_stream_options(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= {"include_usage"}
        and isinstance(value.get("include_usage", False), bool)
    )


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: type(value) in (int, float) and low <= value <= high


def _float32(value: float) -> float:
    """A number as the graph of an export is given it."""
    return float(np.float32(value))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."
