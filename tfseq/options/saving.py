"""Options as they are kept: paths from the root, parts by name, values of JSON."""

import dataclasses
import glob
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

from tfseq.options.rules import PATH, Rule, check_options, fields_of, rules_of
from tfseq.options.scale.cluster_options import PLACE

Options = TypeVar("Options")


def normalized(options: Options) -> Options:
    """The options with every value as its rules change it.

    A path's `~` is the home directory, and a part of a person's own is its name, `module:Name`.

    Raises:
        InputError: a part has no name by which it is found again.
    """
    return _changed(options, lambda rule, value: rule.change(value))


def absolute_paths(options: Options, names: Collection[str] = ()) -> Options:
    """The options with paths that work from any directory, as a file should keep them.

    Links are not followed and `..` is not resolved: each path leads where it led before.

    Args:
        options: the options, after `normalized`.
        names: names that may stand in place of a path. They are left alone.

    Raises:
        InputError: as `check_options`, for the current directory may have a name that is not UTF-8.
    """

    def absolute(rule: Rule, text: str) -> str:
        if rule is not PATH or text in names:
            return text
        here = os.getcwd()
        if glob.has_magic(text) and not os.path.lexists(text):
            here = glob.escape(here)
        return str(Path(here, text))

    options = _changed(options, absolute)
    check_options(options)
    return options


def without_places(options: Any) -> dict[str, Any]:
    """The fields as JSON values that may be passed on: only the last part of each path or URL."""
    places = PATH, PLACE
    return to_json(_changed(options, lambda rule, v: (rule in places and Path(v).name) or v))


def to_json(options: Any) -> dict[str, Any]:
    """The fields as JSON values, in the order in which they are declared."""
    return dataclasses.asdict(options)


def _changed(options: Options, change: Callable[[Rule, Any], Any]) -> Options:
    """The options with every value changed by each of its rules that takes it."""
    values = {}
    for name, hint in fields_of(type(options)).items():
        for rule in rules_of(hint):
            value = values.get(name, getattr(options, name))
            if value is not None and isinstance(value, rule.changes):
                values[name] = change(rule, value)
    return dataclasses.replace(options, **values)
