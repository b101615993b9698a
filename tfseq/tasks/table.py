"""The tasks, and the ways to one: `tfseq.train` and `tfseq.load`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from tfseq.errors import InputError
from tfseq.options.parts import PartTable
from tfseq.options.rules import check_options
from tfseq.options.run_options import read_config, read_run_options
from tfseq.options.saving import normalized
from tfseq.options.task_names import TASK_NAMES, task_of
from tfseq.options.training_options import TrainingOptions

if TYPE_CHECKING:
    from tfseq.tasks.forecasting.options import ForecastingOptions
    from tfseq.tasks.forecasting.task import ForecastingTask
    from tfseq.tasks.language_model.options import LanguageModelOptions
    from tfseq.tasks.language_model.task import LanguageModelTask
    from tfseq.tasks.tagging.options import TaggingOptions
    from tfseq.tasks.tagging.task import TaggingTask
    from tfseq.tasks.task import Task
    from tfseq.tasks.text_classification.options import TextClassificationOptions
    from tfseq.tasks.text_classification.task import TextClassificationTask

Log = Callable[[str], None]
Place = str | os.PathLike

#: What `load` gives for a run. A new task is a folder, with a line in each table here and one in
#: `TASK_NAMES`.
TASKS = PartTable(
    "task",
    {
        "language_model": "tfseq.tasks.language_model.task:LanguageModelTask",
        "text_classification": "tfseq.tasks.text_classification.task:TextClassificationTask",
        "tagging": "tfseq.tasks.tagging.task:TaggingTask",
        "forecasting": "tfseq.tasks.forecasting.task:ForecastingTask",
    },
)
#: (options, log) -> a `Training`: all that can be wrong has been looked at, nothing written.
PREPARATIONS = PartTable(
    "task", {name: f"tfseq.tasks.{name}.training:prepare" for name in TASKS.built_in}
)


@overload
def train(options: "LanguageModelOptions", log: Log = print) -> "LanguageModelTask": ...
@overload
def train(options: "TextClassificationOptions", log: Log = print) -> "TextClassificationTask": ...
@overload
def train(options: "TaggingOptions", log: Log = print) -> "TaggingTask": ...
@overload
def train(options: "ForecastingOptions", log: Log = print) -> "ForecastingTask": ...
@overload
def train(options: TrainingOptions, log: Log = print) -> "Task": ...
def train(options: TrainingOptions, log: Log = print) -> "Task":
    """Train a model, or go on with a run, and return it with all that goes with it.

    It does what the script of the task does: the same run directory, the same export.

    Args:
        options: `LanguageModelOptions`, `TextClassificationOptions`, `TaggingOptions` or
            `ForecastingOptions`.
        log: where messages go, one line each.

    Raises:
        InputError: the options, the data or the run directory cannot be used. Nothing has been
            written then.
        DivergenceError: training has left the finite numbers.

    Example:

    >>> import tempfile, tfseq
    >>> with tempfile.TemporaryDirectory() as place:
    ...     options = tfseq.ForecastingOptions(
    ...         run_dir=f"{place}/sine", export=False, epochs=1, units=4, verbose="quiet"
    ...     )
    ...     task = tfseq.train(options, log=lambda line: None)
    ...     task.predict([0.0, 0.3, 0.6], horizon=2).shape
    (2, 1)
    """
    options = normalized(options)
    check_options(options)
    training = PREPARATIONS.find(options.task)(options, log)
    run, task = training.run, training.task
    log(training.summary())
    metrics = run.fit(training.evaluate)
    log(f"\n{training.result(metrics)}\n")
    log(f"run       {run.directory.path}")
    if run.options.report:
        with run.going_on():
            log(f"report    {training.report(metrics).write(run.directory.report)}")
    run.export(task.export)
    return task


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
        InputError: it is no run, has no weights yet, they do not fit, or a part of one's own
            (a cell, a tokenizer) cannot be imported.
    """
    from tfseq.runs.run_directory import RunDirectory

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
    try:
        task = task_type.build(run, options)
        task.model.load_weights(run.weights)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"`run_dir` {run_dir}: its vocabulary or weights are damaged, or do not match its "
            "config.json."
        ) from error
    return task
