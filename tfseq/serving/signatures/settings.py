"""What is fixed when a model is exported: caps that bound the work of a request, and defaults.

Nothing here imports TensorFlow, so that options can take their defaults from here.
"""

from dataclasses import dataclass
from typing import Annotated

from tfseq.errors import InputError
from tfseq.options.rules import BannedTokens, Temperature, check_options, from_to

#: At a temperature of 100 the symbols are drawn all but uniformly; more would say nothing.
MAX_TEMPERATURE = 100

_USUAL_NEW_TOKENS = 100


_BatchSize = Annotated[int, from_to(1, 1024)]
# A cap has room for the longest UTF-8 character, four bytes.
_Bytes = Annotated[int, from_to(4, 2**24)]
_Length = Annotated[int, from_to(1, 2**16)]


class _Checked:
    def __post_init__(self):
        check_options(self)


@dataclass(frozen=True)
class ServingSettings(_Checked):
    """Caps of a language model's export, and the settings of `serving_default`.

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
        banned_tokens: tokens that no signature writes or proposes, each of the vocabulary.

    Raises:
        InputError: if a value is out of its range.

    Example:
        >>> ServingSettings(max_new_tokens=32).default_max_new_tokens
        32
    """

    max_new_tokens: Annotated[int, from_to(1, 2**20)] = 1024
    max_prompt_bytes: _Bytes = 16384
    max_score_bytes: _Bytes = 16384
    beam_size: Annotated[int, from_to(1, 1024)] = 4
    num_next_tokens: Annotated[int, from_to(1, 2**31 - 1)] = 10
    max_batch_size: _BatchSize = 32
    default_max_new_tokens: Annotated[int, from_to(0, 2**20)] | None = None
    default_temperature: Temperature = 0.8
    default_top_k: Annotated[int, from_to(0, 2**31 - 1)] = 0
    default_top_p: Annotated[float, from_to(0, 1, "a number")] = 1.0
    default_seed: Annotated[int, from_to(-(2**63), 2**63 - 1)] = 0
    banned_tokens: BannedTokens = ()

    def __post_init__(self):
        super().__post_init__()
        if self.default_max_new_tokens is None:
            usual = min(_USUAL_NEW_TOKENS, self.max_new_tokens)
            object.__setattr__(self, "default_max_new_tokens", usual)
        if self.default_max_new_tokens > self.max_new_tokens:
            raise InputError(
                "`default_max_new_tokens` must be an integer from 0 to `max_new_tokens`, "
                f"{self.max_new_tokens}. Received: {self.default_max_new_tokens}."
            )


@dataclass(frozen=True)
class TaggerSettings(_Checked):
    """Caps of a tagger's export; raises as `ServingSettings`.

    Attributes:
        max_length: tokens of a row that are read, from its beginning.
        max_text_bytes: bytes of a text that are read before it is split into tokens.
        max_batch_size: rows of the largest warm-up request.
    """

    max_length: _Length = 256
    max_text_bytes: _Bytes = 65536
    max_batch_size: _BatchSize = 32


@dataclass(frozen=True)
class TextClassifierSettings(TaggerSettings):
    """Caps of a text classifier's export: those of a tagger's, and one of its own.

    Attributes:
        num_labels: labels in an answer, the most probable.
    """

    num_labels: Annotated[int, from_to(1, 2**20)] = 10


@dataclass(frozen=True)
class ForecasterSettings(_Checked):
    """Caps of a forecaster's export; raises as `ServingSettings`.

    Attributes:
        max_horizon: the most steps ahead that a request may ask for.
        max_batch_size: rows of the largest warm-up request.
    """

    max_horizon: Annotated[int, from_to(1, 2**16)] = 40
    max_batch_size: _BatchSize = 32
