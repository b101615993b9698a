"""How `--help` shows the fields of options."""

import ast
import dataclasses
import inspect
import itertools
import textwrap
import types
import typing
from typing import Any, Literal

from tfseq.options.rules import PATH, fields_of, rules_of

_NAMES = {int: "INT", float: "FLOAT", str: "STR"}


def shown_in_help(options_type: type) -> dict[str, Any]:
    """For each field what `tyro` is to show: its docstring, and what it takes.

    An option that may be left out says in its docstring what then holds, so that None is named
    neither as a value nor as the default.

    Args:
        options_type: a dataclass with docstrings below its fields.
    """
    import tyro

    texts = field_texts(options_type)
    return {
        name: tyro.conf.arg(
            help=texts.get(name), metavar=_metavar(name, hint), help_behavior_hint=_default
        )
        for name, hint in fields_of(options_type).items()
    }


def field_texts(options_type: type) -> dict[str, str]:
    """The docstrings below the fields of a dataclass and of those that it inherits from, each in
    one line.

    >>> from tfseq.options.training_options import TrainingOptions
    >>> field_texts(TrainingOptions)["batch_size"]
    'Examples in a batch.'
    """
    texts: dict[str, str] = {}
    for kind in filter(dataclasses.is_dataclass, reversed(options_type.__mro__)):
        try:
            (parsed,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        except (OSError, TypeError):  # A class that was not written in a file.
            continue
        body = getattr(parsed, "body", [])
        for field, below in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                text = getattr(below.value, "value", None)
                if isinstance(text, str) and isinstance(field.target, ast.Name):
                    texts[field.target.id] = " ".join(text.split())
    return texts


def _default(label: str) -> str:
    """What stands behind the docstring."""
    return "" if label in ("", "''", "None") else f"(default: {label})"


def _metavar(name: str, hint: Any) -> str | None:
    """What an option takes; None leaves it to `tyro`."""
    if any(rule is PATH for rule in rules_of(hint)):
        return "PATH"
    kinds = _kinds(hint)
    if types.NoneType not in kinds:
        return None
    kinds.remove(types.NoneType)
    if kinds == [bool]:
        return f"| --no-{name.replace('_', '-')}"
    if typing.get_origin(kinds[0]) is Literal:
        return "{" + ",".join(map(str, typing.get_args(kinds[0]))) + "}"
    for kind in kinds:
        if typing.get_origin(kind) is tuple:
            item = _NAMES.get(typing.get_args(kind)[0])
            return item and f"{item} [{item} ...]"
    return _NAMES.get(kinds[0])


def _kinds(hint: Any) -> list[Any]:
    """The types of a union, without what is noted beside them."""
    if typing.get_origin(hint) is typing.Annotated:
        return _kinds(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [kind for choice in typing.get_args(hint) for kind in _kinds(choice)]
    return [hint]
