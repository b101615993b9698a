"""Options of a run: read for a new one, or taken from the one that goes on."""

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from tfseq.errors import InputError
from tfseq.files.json_objects import read_json_object
from tfseq.options.configuration import find_option, parse_options, read_options
from tfseq.options.rules import check_options, free_on_resume
from tfseq.options.saving import normalized
from tfseq.options.start_options import StartOptions, check_shape, shape_of
from tfseq.options.task_names import TASK_NAMES, task_of
from tfseq.options.training_options import TrainingOptions

Options = TypeVar("Options", bound=TrainingOptions)

# What runs of earlier versions call an option -> its name.
_FORMER_NAMES = {"lags": "lookback"}


def parse_run_options(
    options_type: type[Options], arguments: Sequence[str] | None = None
) -> Options:
    """Read the options of a training run from the command line.

    To resume, `--resume` or `"resume": true` in the configuration file, what is left out is
    taken from the run that goes on, not from the defaults.

    Args:
        options_type: a subclass of `TrainingOptions`.
        arguments: the words of the command line; None takes `sys.argv[1:]`.

    Raises:
        InputError: as `parse_options`; or there is no run to go on with; or several workers are
            asked for where one process trains.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if "--help" in arguments or "-h" in arguments:
        return parse_options(options_type, arguments)
    _check_trained_by_one(options_type, arguments)
    file = find_option(arguments, "config")
    values = {} if file is None else read_options(options_type, os.path.expanduser(file))
    resume = "--resume" in arguments or (
        values.get("resume", False) and "--no-resume" not in arguments
    )
    if not resume:
        return _without_file(_parsed(options_type, arguments, values))
    run_dir = find_option(arguments, "run_dir") or values.get("run_dir")
    if not run_dir:
        raise InputError("`resume` needs `run_dir`, the run to resume.")
    saved = read_run_options(options_type, os.path.expanduser(run_dir))
    return _without_file(parse_options(options_type, arguments, defaults=saved, file=values))


def _check_trained_by_one(options_type: type[TrainingOptions], arguments: Sequence[str]) -> None:
    """Raise where an option of several workers is given to a task that has none."""
    for name in ("workers", "worker_cpus", "cluster"):
        value = find_option(arguments, name)
        if value is not None and name not in options_type.__dataclass_fields__:
            option, task = f"--{name.replace('_', '-')}", TASK_NAMES[options_type.task]
            raise InputError(
                f"`{option}` is an option of language models alone, which several workers can "
                f"train. One process trains {task.model}: leave `{option}` out. Received: {value}."
            )


def _without_file(options: Options) -> Options:
    """The options without the file, which has been read."""
    return dataclasses.replace(options, config=None)


def _parsed(options_type: type[Options], arguments: Sequence[str], file: dict[str, Any]) -> Options:
    """The options of a new run; where it starts from another, with the shape of that."""
    place = find_option(arguments, "init_from") or file.get("init_from")
    defaults = None
    if place and issubclass(options_type, StartOptions) and has_config(place):
        source = read_config(os.path.expanduser(place))
        usual = options_type()
        shape = shape_of(source, vars(usual))
        if not shape.get("embedding_size") and usual.embedding_size is not None:
            shape.pop("embedding_size", None)  # One-hot tokens, which such a model does not read.
        defaults = dataclasses.replace(usual, **shape)
    options = parse_options(options_type, arguments, defaults=defaults, file=file)
    if defaults is not None:
        check_shape({name: getattr(options, name) for name in shape}, shape, place)
    return options


def has_config(run_dir: str | Path) -> bool:
    """Whether a directory says of itself that it is a run."""
    try:
        return Path(os.path.expanduser(run_dir), "config.json").is_file()
    except (OSError, ValueError):
        return False


def read_config(run_dir: str | Path) -> dict[str, Any]:
    """What the `config.json` of a run holds.

    Raises:
        InputError: the directory is no run.
    """
    path = Path(run_dir) / "config.json"
    if not path.parent.is_dir():
        raise InputError(f"`run_dir` {run_dir} is not a directory.")
    if not has_config(run_dir):
        raise InputError(f"`run_dir` {run_dir} is not a run: it has no config.json.")
    values = read_json_object(path, "the run's")
    if "run_dir" not in values:
        raise InputError(f"`run_dir` {run_dir} is not a run: its config.json is of another job.")
    return values


def read_run_options(options_type: type[Options], run_dir: str | Path) -> Options:
    """The options of a run, from its `config.json`.

    Raises:
        InputError: the directory is no run, or one of another task, or a value breaks its rule.
    """
    task, needed = task_of(read_config(run_dir)), options_type.task
    if task != needed and task in TASK_NAMES and needed in TASK_NAMES:
        name = TASK_NAMES[task]
        raise InputError(
            f"`run_dir` {run_dir} is the run of {name.model}, not of {TASK_NAMES[needed].model}; "
            f"{name.script} goes on with it."
        )
    path = Path(run_dir) / "config.json"
    values = read_options(options_type, path, "the run's", _FORMER_NAMES)
    if "schedule" not in values and values.get("weight_decay") == 0.01:
        # Earlier versions had this value for every optimizer, and used it for adamw alone.
        values["weight_decay"] = None
    options = options_type(**options_type.completed(values))
    try:
        check_options(options)
    except InputError as error:
        raise InputError(f"the run's {path}: {error}") from None
    return normalized(options)


def check_same_options(saved: TrainingOptions, options: TrainingOptions) -> None:
    """Raise unless a run of `saved` may go on with `options`.

    Args:
        saved: what the run began with.
        options: what it is to go on with.

    Raises:
        InputError: an option differs that is not free on resume; all such options are named. Or
            the number of epochs differs, and the schedule depends on it.
    """
    free = free_on_resume(type(options))
    differing = [
        f"`{name}` was {before!r} and is now {after!r}"
        for name, before in dataclasses.asdict(saved).items()
        if name not in free and before != (after := getattr(options, name))
    ]
    if differing:
        raise InputError(
            f"`resume` cannot change these options: {'; '.join(differing)}. "
            "Leave the option out, or start a new run in another `run_dir`."
        )
    if options.spreads_over_run() and options.epochs != saved.epochs:
        raise InputError(
            f"`resume` cannot change `epochs` from {saved.epochs} to {options.epochs}: the "
            f"`schedule` {options.schedule} has spread the learning rate over {saved.epochs}. "
            "Start a new run of that length in another `run_dir`; a run with the exponential or "
            "the constant `schedule` can go on for any number of epochs."
        )
