"""Options of a run: read for a new one, or taken from the one that goes on."""

import dataclasses
import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TypeVar

from tfseq.errors import InputError
from tfseq.files.json_objects import read_json_object
from tfseq.options.configuration import find_option, parse_options, read_options
from tfseq.tasks.run_kinds import run_kind

Options = TypeVar("Options")


def parse_run_options(
    options_type: type[Options], arguments: Sequence[str] | None = None
) -> Options:
    """Read the options of a training run from the command line.

    To resume, `--resume` or `"resume": true` in the configuration file, what is left out is
    taken from the run that goes on, not from the defaults.

    Args:
        options_type: a dataclass with fields `config`, `resume` and `run_dir`.
        arguments: the words of the command line; None takes `sys.argv[1:]`.

    Raises:
        InputError: as `parse_options`; or there is no run to go on with.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if "--help" in arguments or "-h" in arguments:
        return parse_options(options_type, arguments)
    file = find_option(arguments, "config")
    values = {} if file is None else read_options(options_type, os.path.expanduser(file))
    resume = "--resume" in arguments or (
        values.get("resume", False) and "--no-resume" not in arguments
    )
    if not resume:
        return parse_options(options_type, arguments, file=values)
    run_dir = find_option(arguments, "run_dir") or values.get("run_dir")
    if not run_dir:
        raise InputError("`--resume` needs `--run-dir`: the run to go on with.")
    saved = read_run_options(options_type, os.path.expanduser(run_dir))
    return parse_options(options_type, arguments, defaults=saved, file=values)


def read_run_options(options_type: type[Options], run_dir: str | Path) -> Options:
    """The options of a run, from its `config.json`.

    Raises:
        InputError: the directory is no run, or one of another task.
    """
    path, what = Path(run_dir) / "config.json", "the run's"
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        raise InputError(f"`--run-dir` {run_dir} is not a run: it has no config.json.")
    values = read_json_object(path, what)
    if "run_dir" not in values:
        raise InputError(f"`--run-dir` {run_dir} is not a run: its config.json is of another job.")
    needed = run_kind([field.name for field in dataclasses.fields(options_type)])
    kind = run_kind(values)
    if needed and kind and kind != needed:
        raise InputError(
            f"`--run-dir` {run_dir} is the run of {kind.model}, not of {needed.model}; "
            f"{kind.script} goes on with it."
        )
    return options_type(**read_options(options_type, path, what))


def check_same_options(saved: Options, options: Options, free: Collection[str]) -> None:
    """Raise unless a run of `saved` may go on with `options`.

    Args:
        saved: what the run began with.
        options: what it is to go on with.
        free: names of the fields that may differ.

    Raises:
        InputError: another option differs; all such options are named.
    """
    differing = [
        f"--{name.replace('_', '-')} was {before!r} and is now {after!r}"
        for name, before in dataclasses.asdict(saved).items()
        if name not in free and before != (after := getattr(options, name))
    ]
    if differing:
        raise InputError(
            f"`--resume` cannot change the run: {'; '.join(differing)}. "
            "Leave the option out, or start a new run in another `--run-dir`."
        )
