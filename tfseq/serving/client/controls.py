"""What `generate` and `stream` take beside temperature, top-k, top-p and seed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from tfseq.errors import did_you_mean
from tfseq.serving.client.transport import RequestError
from tfseq.serving.writing.token_drawer import DrawSettings

#: The signature that takes them.
CONTROLLED = "generate_controlled"
# Those of an export, fixed in its graph.
_MOST_STOPS, _MOST_STOP_BYTES = 4, 64
_BOUNDS = {
    "min_p": (0, 1),
    "repetition_penalty": (0.01, 100),
    "repetition_window": (0, 2**31 - 1),
    "frequency_penalty": (-100, 100),
}
_OFF = {"stop": (), **{name: DrawSettings._field_defaults[name] for name in _BOUNDS}}


class TextControls(TypedDict, total=False):
    """Control over what is written; a number, or for `Client.generate` one for each prompt.

    Attributes:
        stop: up to four strings; a text ends where the first of them would begin. For
            `Client.generate` also lists of strings, those of each prompt.
        min_p: only tokens at least this probable, relative to the most probable one, are written;
            0 is off.
        repetition_penalty: of the last tokens a positive logit is divided by it, another
            multiplied; 1 is off.
        repetition_window: how many of the last tokens both penalties look at, the prompt's
            included; left out, 64.
        frequency_penalty: taken from a token's logit for each time it is among them; 0 is off.
    """

    stop: str | Sequence[str] | Sequence[Sequence[str]]
    min_p: float | Sequence[float]
    repetition_penalty: float | Sequence[float]
    repetition_window: int | Sequence[int]
    frequency_penalty: float | Sequence[float]


def control_inputs(
    given: TextControls, signatures: Iterable[str], num_rows: int
) -> dict[str, Any] | None:
    """The inputs of `generate_controlled` that `generate` has not; None where nothing is asked for.

    Raises:
        RequestError: for a control, if there is no such signature.
    """
    _check_names(given)
    asked = [name for name, value in given.items() if not _is_off(name, value)]
    if not asked:
        return None
    if CONTROLLED not in signatures:
        names = ", ".join(f"`{name}`" for name in asked)
        raise RequestError(
            f"{names}: the model must have the signature {CONTROLLED}, and has none; export it "
            "again."
        )
    controls = {**_OFF, **given}
    return {**controls, "stop": _stop_rows(controls["stop"], num_rows)}


def check_controls(given: TextControls, **drawing: Any) -> tuple[DrawSettings, tuple[str, ...]]:
    """Settings and stop strings of one text; raises RequestError for what an export would clamp."""
    _check_names(given)
    controls = {**_OFF, **given}
    stop = controls.pop("stop")
    for name, (low, high) in _BOUNDS.items():
        if not low <= controls[name] <= high:
            raise RequestError(
                f"`{name}` must be from {low} to {high}. Received: {controls[name]}."
            )
    ((*stops,),) = _stop_rows(stop, 1)
    stops = tuple(stop for stop in stops if stop)
    if any(len(stop.encode()) > _MOST_STOP_BYTES for stop in stops):
        raise RequestError(
            f"`stop` must be strings of at most {_MOST_STOP_BYTES} bytes. Received: {stop!r}."
        )
    return DrawSettings(**drawing, **controls), stops


def _check_names(given: Mapping[str, Any]) -> None:
    for name in given:
        if name not in _OFF:
            raise TypeError(f"There is no option `{name}`.{did_you_mean(name, _OFF)}")


def _is_off(name: str, value: Any) -> bool:
    if name == "stop":
        return not len(value)
    # A window alone does nothing.
    return name == "repetition_window" or (isinstance(value, int | float) and value == _OFF[name])


def _stop_rows(stop: Any, num_rows: int) -> list[list[str]]:
    """Four strings a row, `""` where there is none: a server puts rows of one length together.

    >>> _stop_rows(["a", "b"], 2)
    [['a', 'b', '', ''], ['a', 'b', '', '']]
    >>> _stop_rows([["a"], []], 2)
    [['a', '', '', ''], ['', '', '', '']]
    """
    rows = [stop] if isinstance(stop, str | bytes) else list(stop)
    if all(isinstance(entry, str | bytes) for entry in rows):
        rows = [rows] * num_rows
    if any(len(row) > _MOST_STOPS for row in rows):
        raise RequestError(f"`stop` must be up to {_MOST_STOPS} strings. Received: {stop!r}.")
    return [[*row, *[""] * (_MOST_STOPS - len(row))] for row in rows]
