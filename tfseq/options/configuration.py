"""Options as typed dataclasses, read from the command line and from a JSON file.

Nothing here imports TensorFlow: `--help` answers at once.
"""

import dataclasses
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

from tfseq.errors import InputError, did_you_mean
from tfseq.files.json_objects import read_json_object
from tfseq.options.help_texts import shown_in_help
from tfseq.options.parts import PartRule
from tfseq.options.rules import check_options, fields_of, has_type, in_words, rules_of
from tfseq.options.saving import normalized

Options = TypeVar("Options")


def parse_options(
    options_type: type[Options],
    arguments: Sequence[str] | None = None,
    defaults: Options | None = None,
    file: dict[str, Any] | None = None,
) -> Options:
    """Read options: the command line wins over `--config FILE`, the file over the defaults.

    A `~` at the beginning of a path is the user's home directory, wherever it was given.

    Args:
        options_type: a dataclass. If it has a field `config`, a JSON object in that file
            supplies values by field name.
        arguments: the words of the command line; None takes `sys.argv[1:]`.
        defaults: an instance to start from; None takes the fields' own defaults.
        file: what the file holds, if it has been read already: a pipe can be read only once.

    Raises:
        InputError: a file that cannot be read, an unknown key, a value of the wrong type, or a
            value that breaks its rule. All broken rules are listed at once.
        SystemExit: with code 2, for a command line that does not parse; with 0 after `--help`.
    """
    import tyro

    arguments = list(sys.argv[1:] if arguments is None else arguments)
    values = vars(defaults) if defaults is not None else {}
    if "config" in fields_of(options_type):
        path = find_option(arguments, "config")
        if path is not None:
            if file is None:
                file = read_options(options_type, os.path.expanduser(path))
            values = values | file
    shown = _as_shown(options_type)
    parsed = tyro.cli(
        shown,
        args=_with_flags_spelt_out(arguments, options_type),
        default=shown(**values) if values else None,
        description=textwrap.fill(" ".join((options_type.__doc__ or "").split()), 80),
    )
    options = normalized(options_type(**vars(parsed)))
    check_options(options)
    return options


def _with_flags_spelt_out(arguments: Sequence[str], options_type: type) -> list[str]:
    """`--NAME` and `--no-NAME` of a field that is true, false or left out, with the value."""
    names = [name for name, hint in fields_of(options_type).items() if hint == bool | None]
    values = {}
    for option in (name.replace("_", "-") for name in names):
        values |= {
            f"--{option}": [f"--{option}", "True"],
            f"--no-{option}": [f"--{option}", "False"],
        }
    return [word for argument in arguments for word in values.get(argument, [argument])]


def _as_shown(options_type: type[Options]) -> type[Options]:
    """The dataclass as the command line takes it.

    A part is a text, and the help names them. What a task has of its own comes first, then the
    groups of fields that are mixed in, then what all options share, the fields of the dataclass
    that is inherited from.
    """
    import tyro

    shown = shown_in_help(options_type)
    hints = {name: Annotated[hint, shown[name]] for name, hint in fields_of(options_type).items()}
    hints |= {
        name: Annotated[
            str | None if has_type(None, hint) else str,
            shown[name],
            tyro.conf.arg(metavar="|".join([*rule.table.built_in, "module:Name"])),
        ]
        for name, hint in fields_of(options_type).items()
        for rule in rules_of(hint)
        if isinstance(rule, PartRule)
    }
    *kinds, shared = filter(dataclasses.is_dataclass, options_type.__mro__)
    mixed_in = [
        kind
        for kind in kinds
        if not issubclass(kind, shared) or kind.__module__.startswith("tfseq.options.")
    ]

    def place(name):
        if name in shared.__dataclass_fields__ and shared is not options_type:
            return 2
        return int(any(name in kind.__dataclass_fields__ for kind in mixed_in))

    fields = options_type.__dataclass_fields__
    fields = {name: fields[name] for name in sorted(fields, key=place)}
    members = {
        "__annotations__": hints,
        "__doc__": options_type.__doc__,
        "__dataclass_fields__": fields,
    }
    return type(options_type.__name__, (options_type,), members)


def find_option(arguments: Sequence[str], name: str) -> str | None:
    """The value of the last `--name VALUE` or `--name=VALUE` in a command line, or None.

    >>> find_option(["--units", "8", "--run-dir=runs/a"], "run_dir")
    'runs/a'
    """
    flag = "--" + name.replace("_", "-")
    found = None
    for position, word in enumerate(arguments):
        head, equals, value = word.partition("=")
        if head.replace("_", "-") != flag:
            continue
        if equals:
            found = value
        elif position + 1 < len(arguments):
            found = arguments[position + 1]
    return found


def read_options(
    options_type: type,
    path: str | os.PathLike,
    what: str = "`config` file",
    former_names: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Values by field name from a JSON file, types checked, unknown keys refused.

    Args:
        options_type: a dataclass.
        path: the file.
        what: how an error calls the file.
        former_names: name that the file may have instead -> field.
    """
    values = read_json_object(path, what)
    values = {former_names.get(name, name): value for name, value in values.items()}
    own = getattr(options_type, "task", None)
    if own is not None and (task := values.pop("task", own)) != own:
        raise InputError(f"{what} {path} is for the task {task!r}, not for {own!r}.")
    fields = fields_of(options_type)
    for key, value in values.items():
        if key not in fields:
            hint = did_you_mean(key, fields)
            raise InputError(f"{what} {path} has an unknown key {key!r}.{hint}")
        if not has_type(value, fields[key]):
            raise InputError(
                f"{what} {path}: {key!r} must be {in_words(fields[key])}. Received: {value!r}."
            )
    return values
