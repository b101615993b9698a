"""A run of any task read back: `tfseq.load`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from tfseq.errors import InputError
from tfseq.options.run_options import read_config, read_run_options
from tfseq.options.task_names import TASK_NAMES, task_of
from tfseq.tasks.table import TASKS

if TYPE_CHECKING:
    from tfseq.tasks.forecasting.task import ForecastingTask
    from tfseq.tasks.language_model.task import LanguageModelTask
    from tfseq.tasks.tagging.task import TaggingTask
    from tfseq.tasks.task import Task
    from tfseq.tasks.text_classification.task import TextClassificationTask

Place = str | os.PathLike


@overload
def load(run_dir: Place, expected: Literal["language_model"]) -> "LanguageModelTask": ...
@overload
def load(run_dir: Place, expected: Literal["text_classification"]) -> "TextClassificationTask": ...
@overload
def load(run_dir: Place, expected: Literal["tagging"]) -> "TaggingTask": ...
@overload
def load(run_dir: Place, expected: Literal["forecasting"]) -> "ForecastingTask": ...
@overload
def load(run_dir: Place, expected: str | None = None) -> "Task": ...
def load(run_dir: Place, expected: str | None = None) -> "Task":
    """Read a run of any task back for use.

    Args:
        run_dir: the run directory, `runs/mine` say.
        expected: the one task that will do, `language_model` say; None takes any.

    Raises:
        InputError: it is no run, has no weights yet, a file of it is damaged or does not fit the
            others, or a part of one's own (a cell, a tokenizer) cannot be imported. What such a
            part raises itself goes through.
    """
    from tfseq.runs.run_directory import RunDirectory
    from tfseq.runs.weights_file import check_weights

    if expected not in (None, *TASK_NAMES):
        known = ", ".join(TASK_NAMES)
        raise InputError(f"`expected` must be one of {known}. Received: {expected!r}.")
    run = RunDirectory(Path(run_dir).expanduser())
    if not run.path.is_dir():
        raise InputError(f"`run_dir` {run_dir} is not a directory.")
    name = task_of(read_config(run.path))
    if name not in TASK_NAMES:
        raise InputError(
            f"`run_dir` {run_dir} is the run of {name or 'no task that tfseq knows'!r}. Tasks are "
            f"{', '.join(TASK_NAMES)}."
        )
    if expected not in (None, name):
        raise InputError(
            f"`run_dir` {run_dir} is the run of {TASK_NAMES[name].model}, not of "
            f"{TASK_NAMES[expected].model}. evaluate_model.py measures it, and export_model.py "
            "exports it."
        )
    task_type = TASKS.find(name)
    options = read_run_options(task_type.options_type, run.path)
    if not run.weights.is_file():
        raise InputError(
            f"`run_dir` {run_dir} has no weights yet (model.weights.h5 is written after the first "
            f"epoch). Train it first, or resume it with `{TASK_NAMES[name].script} --resume`."
        )
    task = task_type.build(run, options)
    try:
        check_weights(run.weights)
        task.load_weights(run.weights)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise InputError(
            f"`run_dir` {run_dir}: its weights are damaged, or do not fit its other files."
        ) from error
    return task
