"""What a value may be: the rules of options and of arguments, each stated once.

A field's rule stands beside its type, `Annotated[int, Rule("a positive integer", ...)]`, so one
place says what is allowed, and the command line, a configuration file and Python are all held
to it.
"""

import contextlib
import dataclasses
import operator
import os
import types
import typing
from collections.abc import Callable
from numbers import Real
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from tfseq.errors import InputError
from tfseq.files.text_bytes import is_unicode, whole_text

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a value must be, in words and as a test, and what is made of a text before that."""

    words: str
    holds: Callable[[Any], bool] = lambda value: True
    change: Callable[[Any], Any] = lambda text: text
    #: What `change` takes; other values are left as they are.
    changes: type = str


def from_to(low: float, high: float, what: str = "an integer") -> Rule:
    """The rule of numbers with bounds.

    >>> from_to(1, 5).words
    'an integer from 1 to 5'
    """
    return Rule(f"{what} from {low} to {high}", lambda v: low <= v <= high)


# Finite means: in float32. Integers are int32.
PositiveInt = Annotated[int, Rule("a positive integer", lambda v: 1 <= v < 2**31)]
CountOrZero = Annotated[int, Rule("zero or a positive integer", lambda v: 0 <= v < 2**31)]
Size = Annotated[int, Rule("a positive integer, at most 65536", lambda v: 1 <= v <= 2**16)]
SizeOrZero = Annotated[int, from_to(0, 2**16)]
Seed = Annotated[int, Rule("an integer from 0 to 2**31 - 1", lambda v: 0 <= v < 2**31)]
PositiveFloat = Annotated[float, Rule("a positive finite number", lambda v: 0 < v < 3e38)]
NonNegativeFloat = Annotated[
    float, Rule("zero or a positive finite number", lambda v: 0 <= v < 3e38)
]
Temperature = Annotated[float, from_to(0, 100, "a number")]
Probability = Annotated[float, Rule("at least 0 and less than 1", lambda v: 0 <= v < 1)]
Share = Annotated[float, Rule("above 0 and less than 1", lambda v: 0 < v < 1)]
Fraction = Annotated[float, Rule("above 0 and at most 1", lambda v: 0 < v <= 1)]
PATH = Rule(
    "a path: not empty, without NUL", lambda v: bool(v) and "\0" not in v, os.path.expanduser
)
PathText = Annotated[str, PATH]
BannedTokens = Annotated[
    tuple[str, ...],
    Rule("tokens, none of them empty", lambda tokens: all(t and is_unicode(t) for t in tokens)),
]
Stops = Annotated[
    tuple[str, ...],
    Rule(
        "at most 4 texts of at most 64 bytes in UTF-8",
        lambda v: len(v) <= 4 and all(is_unicode(t) and len(t.encode()) <= 64 for t in v),
    ),
]
# Text that a model is to go on with: bytes that are not UTF-8 are replaced, as in an export.
Prompt = Annotated[str, Rule("a text", change=whole_text)]
DirectoryName = Annotated[
    str,
    Rule(
        "the name of one directory",
        lambda v: v not in ("", ".", "..") and "/" not in v and "\0" not in v,
    ),
]

_FREE = "free on resume"
#: `FreeOnResume[PositiveInt]` is a field that may differ where a run goes on.
FreeOnResume = Annotated[T, _FREE]


def free_on_resume(options_type: type) -> frozenset[str]:
    """The fields that are `FreeOnResume` in a dataclass, or in one that it inherits from.

    >>> Base = dataclasses.make_dataclass("Base", [("epochs", FreeOnResume[PositiveInt])])
    >>> Options = dataclasses.make_dataclass("Options", [("units", Size), ("epochs", int)],
    ...                                      bases=(Base,))
    >>> free_on_resume(Options)
    frozenset({'epochs'})
    """
    return frozenset(
        name
        for ancestor in options_type.__mro__
        for name, hint in fields_of(ancestor).items()
        if _FREE in getattr(hint, "__metadata__", ())
    )


def checked(argument: str, value: Any, kind: Any) -> Any:
    """The value of an argument, if its type and rule allow it; NumPy's numbers become Python's.

    Args:
        argument: its name, for the message.
        value: the value.
        kind: a type of this module, such as `PositiveInt`, or one with `| None`.

    Raises:
        ValueError: it is not allowed.

    >>> checked("units", 0, PositiveInt)
    Traceback (most recent call last):
    ValueError: `units` must be a positive integer. Received: units=0.
    """
    number = value
    if not isinstance(value, bool):
        number = float(value) if isinstance(value, Real) else value
        with contextlib.suppress(TypeError):
            number = operator.index(value)
    if words := broken_rule(number, kind):
        raise ValueError(f"`{argument}` must be {words}. Received: {argument}={value!r}.")
    return number


def check_options(options: Any) -> None:
    """Raise one InputError that lists every field that breaks its rule."""
    broken = []
    for name, hint in fields_of(type(options)).items():
        value = getattr(options, name)
        if words := broken_rule(value, hint):
            broken.append(f"`{name}` must be {words}. Received: {value!r}.")
        elif isinstance(value, str) and not is_unicode(value):
            broken.append(f"`{name}` must be valid UTF-8. Received: {value!r}.")
    if broken:
        raise InputError("\n".join(broken))


def broken_rule(value: Any, hint: Any) -> str | None:
    """What a value must be, in words, if it is not; None if it is."""
    if not has_type(value, hint):
        return in_words(hint)
    broken = (rule for rule in rules_of(hint) if value is not None and not rule.holds(value))
    return next((rule.words for rule in broken), None)


def fields_of(options_type: type) -> dict[str, Any]:
    """The fields of a dataclass with their types and rules."""
    hints = typing.get_type_hints(options_type, include_extras=True)
    return {n: hint for n, hint in hints.items() if typing.get_origin(hint) is not ClassVar}


def rules_of(hint: Any) -> list[Rule]:
    """The rules beside a type, also beside one of several."""
    if typing.get_origin(hint) is Annotated:
        inner, *extras = typing.get_args(hint)
        return [e for e in extras if isinstance(e, Rule)] + rules_of(inner)
    return [rule for choice in _choices(hint) for rule in rules_of(choice)]


def has_type(value: Any, hint: Any) -> bool:
    """Whether a value is of a type, whatever the rules; an integer is a number too."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return has_type(value, typing.get_args(hint)[0])
    if choices := _choices(hint):
        return any(has_type(value, choice) for choice in choices)
    if origin is tuple:  # A list in a JSON file.
        item = typing.get_args(hint)[0]
        return isinstance(value, tuple | list) and all(has_type(v, item) for v in value)
    if origin is Literal:
        return value in typing.get_args(hint) and not isinstance(value, bool)
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return isinstance(value, origin or hint)


def in_words(hint: Any) -> str:
    """A type as a person would say it, with its rule where it has one."""
    if choices := _choices(hint):
        return " or ".join(in_words(choice) for choice in choices)
    if rules := rules_of(hint):
        return rules[0].words
    if typing.get_origin(hint) is Annotated:
        return in_words(typing.get_args(hint)[0])
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(repr(choice) for choice in typing.get_args(hint))
    names = {int: "an integer", float: "a number", str: "a text", bool: "true or false"}
    return {**names, types.NoneType: "null"}.get(hint, getattr(hint, "__name__", str(hint)))


def _choices(hint: Any) -> tuple:
    """The types of a union; none where it is no union."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if union else ()
