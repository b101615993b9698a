"""What is fixed when a model is exported."""

import math
from dataclasses import dataclass

from tfseq.errors import InputError

#: At a temperature of 100 the symbols are drawn all but uniformly; more would say nothing.
MAX_TEMPERATURE = 100

_USUAL_NEW_TOKENS = 100


@dataclass(frozen=True)
class ServingSettings:
    """Caps that bound the work of a request, and the settings of `serving_default`.

    Attributes:
        max_new_tokens: the most tokens that a request may ask for.
        max_prompt_bytes: the model reads this much of the end of a longer prompt.
        max_score_bytes: this much of the beginning of a longer text is scored or encoded. The
            usual 16384 keep the largest batch's answer, 32 rows of a number for each token, below
            the 4 MiB that a gRPC client takes, and the time below REST's 30 s.
        beam_size: K of `beam_search`, the continuations kept and returned.
        num_next_tokens: K of `next_token`; at most the vocabulary's size without `<unk>`.
        max_batch_size: rows of the largest warm-up request; the server's own limit is in its
            `batching_parameters.txt`.
        default_max_new_tokens: tokens that `serving_default` adds; None stands for 100, or
            `max_new_tokens` where that is less.
        default_temperature: its temperature, from 0 (greedy) to 100.
        default_top_k: its top-k; 0 is off.
        default_top_p: its top-p, from 0 to 1; 1 is off.
        default_seed: its seed, a 64-bit integer: the same prompt always gives the same text.

    Raises:
        InputError: if a value is out of its range.

    Example:
        >>> ServingSettings(max_new_tokens=32).default_max_new_tokens
        32
    """

    max_new_tokens: int = 1024
    max_prompt_bytes: int = 16384
    max_score_bytes: int = 16384
    beam_size: int = 4
    num_next_tokens: int = 10
    max_batch_size: int = 32
    default_max_new_tokens: int | None = None
    default_temperature: float = 0.8
    default_top_k: int = 0
    default_top_p: float = 1.0
    default_seed: int = 0

    def __post_init__(self):
        check_integer("max_new_tokens", self.max_new_tokens, 1, 2**20)
        # A cap has room for the longest UTF-8 character, four bytes.
        check_integer("max_prompt_bytes", self.max_prompt_bytes, 4, 2**24)
        check_integer("max_score_bytes", self.max_score_bytes, 4, 2**24)
        check_integer("beam_size", self.beam_size, 1, 1024)
        check_integer("num_next_tokens", self.num_next_tokens, 1, 2**31 - 1)
        check_integer("max_batch_size", self.max_batch_size, 1, 1024)
        if self.default_max_new_tokens is None:
            usual = min(_USUAL_NEW_TOKENS, self.max_new_tokens)
            object.__setattr__(self, "default_max_new_tokens", usual)
        check_integer("default_max_new_tokens", self.default_max_new_tokens, 0, self.max_new_tokens)
        _check_number("default_temperature", self.default_temperature, 0, MAX_TEMPERATURE)
        check_integer("default_top_k", self.default_top_k, 0, 2**31 - 1)
        _check_number("default_top_p", self.default_top_p, 0, 1)
        check_integer("default_seed", self.default_seed, -(2**63), 2**63 - 1)


def check_integer(name: str, value: int, low: int, high: int) -> None:
    """Raise InputError unless `value` is an integer from `low` to `high`."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"`{name}` must be an integer from {low} to {high}. Received: {value!r}.")


def _check_number(name: str, value: float, low: float, high: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or math.isnan(value) or not low <= value <= high:
        raise InputError(f"`{name}` must be a number from {low} to {high}. Received: {value!r}.")
