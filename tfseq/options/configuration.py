"""Options as typed dataclasses: from the command line, from a JSON file, checked, and saved.

A field's rule stands beside its type, `Annotated[int, Rule("a positive integer", ...)]`, so one
place says what is allowed, and the command line, a configuration file and Python are all held
to it. Nothing here imports TensorFlow: `--help` answers at once.
"""

import dataclasses
import difflib
import glob
import json
import os
import sys
import types
import typing
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from tfseq.errors import InputError
from tfseq.files.text_bytes import is_unicode, whole_text

Options = TypeVar("Options")


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a value must be, in words and as a test, and what is made of a text before that."""

    words: str
    holds: Callable[[Any], bool] = lambda value: True
    change: Callable[[str], str] = lambda text: text


# Finite means: in float32. Integers are int32.
PositiveInt = Annotated[int, Rule("a positive integer", lambda v: 1 <= v < 2**31)]
CountOrZero = Annotated[int, Rule("zero or a positive integer", lambda v: 0 <= v < 2**31)]
Size = Annotated[int, Rule("a positive integer, at most 65536", lambda v: 1 <= v <= 2**16)]
SizeOrZero = Annotated[int, Rule("an integer from 0 to 65536", lambda v: 0 <= v <= 2**16)]
PositiveFloat = Annotated[float, Rule("a positive finite number", lambda v: 0 < v < 3e38)]
NonNegativeFloat = Annotated[
    float, Rule("zero or a positive finite number", lambda v: 0 <= v < 3e38)
]
Temperature = Annotated[float, Rule("a number from 0 to 100", lambda v: 0 <= v <= 100)]
_PATH = Rule(
    "a path: not empty, without NUL", lambda v: bool(v) and "\0" not in v, os.path.expanduser
)
PathText = Annotated[str, _PATH]
# Text that a model is to go on with: bytes that are not UTF-8 are replaced, as in an export.
Prompt = Annotated[str, Rule("a text", change=whole_text)]
DirectoryName = Annotated[
    str,
    Rule(
        "the name of one directory",
        lambda v: v not in ("", ".", "..") and "/" not in v and "\0" not in v,
    ),
]
Probability = Annotated[float, Rule("at least 0 and less than 1", lambda v: 0 <= v < 1)]
Fraction = Annotated[float, Rule("above 0 and at most 1", lambda v: 0 < v <= 1)]
Seed = Annotated[int, Rule("an integer from 0 to 2**31 - 1", lambda v: 0 <= v < 2**31)]


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
    if "config" in _fields(options_type):
        path = find_option(arguments, "config")
        if path is not None:
            if file is None:
                file = read_options(options_type, os.path.expanduser(path))
            defaults = _overlay(options_type, file, defaults)
    options = tyro.cli(
        options_type,
        args=arguments,
        default=defaults,
        description=options_type.__doc__,
    )
    options = expanded_paths(options)
    check_options(options)
    return options


def expanded_paths(options: Options) -> Options:
    """The options with every text as its rule changes it: a path's `~` is the home directory."""
    return _changed(options, lambda rule, text: rule.change(text))


def absolute_paths(options: Options, names: Collection[str] = ()) -> Options:
    """The options with paths that work from any directory, as a file should keep them.

    Links are not followed and `..` is not resolved: each path leads where it led before.

    Args:
        options: the options, after `expanded_paths`.
        names: names that may stand in place of a path. They are left alone.

    Raises:
        InputError: as `check_options`, for the current directory may have a name that is not UTF-8.
    """

    def absolute(rule: Rule, text: str) -> str:
        if rule is not _PATH or text in names:
            return text
        here = os.getcwd()
        if glob.has_magic(text) and not os.path.lexists(text):
            here = glob.escape(here)
        return str(Path(here, text))

    options = _changed(options, absolute)
    check_options(options)
    return options


def without_places(options: Any) -> dict[str, Any]:
    """The fields as JSON values that may be passed on: only the last part of each path."""
    return to_json(_changed(options, lambda rule, v: (rule is _PATH and Path(v).name) or v))


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
    options_type: type, path: str | os.PathLike, what: str = "`--config` file"
) -> dict[str, Any]:
    """Values by field name from a JSON file, types checked, unknown keys refused.

    Args:
        options_type: the dataclass whose fields they are.
        path: the file.
        what: how an error calls the file.
    """
    values = read_json_object(path, what)
    fields = _fields(options_type)
    for key, value in values.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise InputError(f"{what} {path} has an unknown key {key!r}.{hint}")
        if not _has_type(value, fields[key]):
            raise InputError(
                f"{what} {path}: {key!r} must be {_words(fields[key])}. Received: {value!r}."
            )
    return values


def read_json_object(path: str | os.PathLike, what: str) -> dict[str, Any]:
    """The one JSON object that a file holds.

    Args:
        path: the file.
        what: how an error calls the file.

    Raises:
        InputError: it cannot be read, is not JSON, or has a key twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        values = json.loads(text, object_pairs_hook=lambda pairs: _distinct(pairs, what, path))
    except OSError as error:
        raise InputError(f"{what} {path} cannot be read: {error.strerror}.") from error
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what} {path} is not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise InputError(f"{what} {path} must hold one JSON object.")
    return values


def check_options(options: Any) -> None:
    """Raise one InputError that lists every field that breaks its rule."""
    broken = []
    for name, hint in _fields(type(options)).items():
        value = getattr(options, name)
        if not _has_type(value, hint):
            broken.append(f"`{name}` must be {_words(hint)}. Received: {value!r}.")
            continue
        if isinstance(value, str) and not is_unicode(value):
            broken.append(f"`{name}` must be valid UTF-8. Received: {value!r}.")
        for rule in _rules(hint):
            if value is not None and not rule.holds(value):
                broken.append(f"`{name}` must be {rule.words}. Received: {value!r}.")
    if broken:
        raise InputError("\n".join(broken))


def _changed(options: Options, change: Callable[[Rule, str], str]) -> Options:
    """The options with every text changed by each of its rules."""
    texts = {}
    for name, hint in _fields(type(options)).items():
        for rule in _rules(hint):
            if isinstance(text := texts.get(name, getattr(options, name)), str):
                texts[name] = change(rule, text)
    return dataclasses.replace(options, **texts)


def _distinct(pairs: list[tuple[str, Any]], what: str, path: str | os.PathLike) -> dict[str, Any]:
    """The pairs of a JSON object, in which the last of two equal keys would win unseen."""
    values = {}
    for key, value in pairs:
        if key in values:
            raise InputError(f"{what} {path} has the key {key!r} twice.")
        values[key] = value
    return values


def to_json(options: Any) -> dict[str, Any]:
    """The fields as JSON values, in the order in which they are declared."""
    return dataclasses.asdict(options)


def _overlay(options_type: type[Options], values: dict, defaults: Options | None) -> Options:
    if defaults is None:
        return options_type(**values)
    return dataclasses.replace(defaults, **values)


def _fields(options_type: type) -> dict[str, Any]:
    return typing.get_type_hints(options_type, include_extras=True)


def _rules(hint: Any) -> list[Rule]:
    if typing.get_origin(hint) is Annotated:
        inner, *extras = typing.get_args(hint)
        return [e for e in extras if isinstance(e, Rule)] + _rules(inner)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [rule for choice in typing.get_args(hint) for rule in _rules(choice)]
    return []


def _has_type(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return _has_type(value, typing.get_args(hint)[0])
    if origin in (typing.Union, types.UnionType):
        return any(_has_type(value, choice) for choice in typing.get_args(hint))
    if origin is Literal:
        return value in typing.get_args(hint) and not isinstance(value, bool)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is type(None):
        return value is None
    return isinstance(value, hint)


def _words(hint: Any) -> str:
    """A type as a person would say it, with its rule where it has one."""
    rules = _rules(hint)
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(choice) for choice in typing.get_args(hint))
    if rules:
        return rules[0].words
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in typing.get_args(hint))
    return {int: "an integer", float: "a number", str: "a text", bool: "true or false"}.get(
        hint, "null" if hint is type(None) else getattr(hint, "__name__", str(hint))
    )
