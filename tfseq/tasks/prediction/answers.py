"""A task's answers to rows of inputs, with the fields that are kept."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfseq.errors import InputError
from tfseq.tasks.task import Task

#: For each row: its place and input, and the fields that are kept.
Rows = list[tuple[tuple[str, Any], dict[str, Any]]]


def answered_rows(
    task: Task, rows: Rows, settings: Mapping[str, Any], first_row: int = 0
) -> list[dict[str, Any]]:
    """What is kept of each row, and then the task's answer to its input.

    Args:
        task: the task.
        rows: neighbours in their file.
        settings: arguments of `Task.predict_rows`.
        first_row: the number of the first of them.

    Raises:
        InputError: an input is none for this task (the message names its place), or a field that is
            kept has the name of an answer.
    """
    try:
        found = task.predict_rows([given for (_, given), _ in rows], first_row, **settings)
    except InputError:
        # Whose fault it was shows when each is alone.
        for number, ((place, given), _) in enumerate(rows, first_row):
            try:
                task.predict_rows([given], number, **settings)
            except InputError as error:
                raise InputError(f"{place}: {error}") from None
        raise
    for (_, kept), answer in zip(rows, found, strict=True):
        if both := sorted(kept.keys() & answer.keys()):
            raise InputError(f"`keep`: the answers have a field {both[0]!r} of their own.")
    return [{**kept, **_short(answer)} for (_, kept), answer in zip(rows, found, strict=True)]


def _short(value: Any) -> Any:
    """The same with the fewest digits that give the same float32 number; None where it is none.

    JSON has no infinity, and nothing for what is not a number.

    >>> _short({"scores": [0.5395293831825256, float("nan")]})
    {'scores': [0.5395294, None]}
    """
    if isinstance(value, dict):
        return {name: _short(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_short(entry) for entry in value]
    if not isinstance(value, float):
        return value
    return float(str(np.float32(value))) if math.isfinite(value) else None
