"""Arguments of Python as tensors: one value for each row, checked."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfseq.files.text_bytes import text_bytes
from tfseq.generation.controls.controls import (
    FREQUENCY_BOUNDS,
    MAX_STOP_BYTES,
    MAX_STOPS,
    REPETITION_BOUNDS,
)

Text = str | bytes
StopStrings = Text | Sequence[Text] | Sequence[Sequence[Text]]

_RULES = {
    "max_new_tokens": (np.int32, 0, 2**31 - 1, "an integer from 0"),
    "temperature": (np.float32, 0, np.finfo(np.float32).max, "a finite number from 0"),
    "top_k": (np.int32, 0, 2**31 - 1, "an integer from 0"),
    "top_p": (np.float32, 0, 1, "a number from 0 to 1"),
    "beam_size": (np.int32, 1, 2**31 - 1, "a positive integer"),
    "seed": (np.int64, -(2**63), 2**63 - 1, "a 64-bit integer"),
    "min_p": (np.float32, 0, 1, "a number from 0 to 1"),
    "repetition_penalty": (np.float32, *REPETITION_BOUNDS, "a number from 0.01 to 100"),
    "repetition_window": (np.int32, 0, 2**31 - 1, "an integer from 0"),
    "frequency_penalty": (np.float32, *FREQUENCY_BOUNDS, "a number from -100 to 100"),
}


def as_strings(texts: Text | Sequence[Text]) -> tuple[tf.Tensor, bool]:
    """Texts as a tensor [B], and whether it is one text that was not in a list."""
    single = isinstance(texts, Text)
    texts = [text_bytes(text) for text in ([texts] if single else texts)]
    return tf.constant(texts, tf.string, shape=[len(texts)]), single


def as_rows(name: str, value, num_rows: int) -> np.ndarray:
    """One checked number for each row."""
    dtype, low, high, rule = _RULES[name]
    values = np.asarray(value)
    if values.shape not in ((), (num_rows,)):
        raise ValueError(
            f"`{name}` must be one number, or one for each of the {num_rows} prompts. "
            f"Received: {value!r}."
        )
    numeric = "iu" if dtype is not np.float32 else "iuf"
    if values.size and (
        values.dtype.kind not in numeric or not np.all((low <= values) & (values <= high))
    ):
        raise ValueError(f"`{name}` must be {rule}. Received: {value!r}.")
    return np.broadcast_to(values.astype(dtype), (num_rows,))


def as_controls(
    stop_strings, min_p, repetition_penalty, repetition_window, frequency_penalty, num_rows: int
) -> list[tf.Tensor | np.ndarray] | None:
    """The fields of `Controls`; None where all of them are off in every row."""
    numbers = {
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "repetition_window": repetition_window,
        "frequency_penalty": frequency_penalty,
    }
    columns = [as_rows(name, value, num_rows) for name, value in numbers.items()]
    stop = as_stop_rows(stop_strings, num_rows)
    min_p, repetition, window, frequency = columns
    penalized = (window > 0) & ((repetition != 1) | (frequency != 0))
    if not (any(any(row) for row in stop) or np.any((min_p > 0) | penalized)):
        return None
    width = max(map(len, stop), default=0)
    stop = [row + [b""] * (width - len(row)) for row in stop]
    return [tf.constant(stop, tf.string, shape=[num_rows, width]), *columns]


def as_stop_rows(stop_strings: StopStrings, num_rows: int) -> list[list[bytes]]:
    """The strings of each row.

    >>> as_stop_rows("end", 2), as_stop_rows([["a", "b"], []], 2)
    ([[b'end'], [b'end']], [[b'a', b'b'], []])
    """
    given = [stop_strings] if isinstance(stop_strings, Text) else list(stop_strings or ())
    if all(isinstance(entry, Text) for entry in given):
        given = [given] * num_rows
    rows = [[text_bytes(text) for text in row] for row in given]
    if len(rows) != num_rows or any(len(row) > MAX_STOPS for row in rows):
        raise ValueError(
            f"`stop_strings` must be at most {MAX_STOPS} strings, for all prompts or, in a list of "
            f"lists, for each of the {num_rows}. Received: {stop_strings!r}."
        )
    for row in rows:
        for text in row:
            if len(text) > MAX_STOP_BYTES or text.decode("utf-8", "ignore").encode() != text:
                raise ValueError(
                    f"`stop_strings` must be valid UTF-8 of at most {MAX_STOP_BYTES} bytes. "
                    f"Received: {text!r}."
                )
    return rows
