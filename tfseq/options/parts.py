"""Parts that an option names: those of tfseq by a short name, anyone's as `module:Name`."""

import contextlib
import importlib
import operator
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tfseq.errors import InputError
from tfseq.options.rules import Rule

#: The type of a field that takes a part: its name, or in Python the class or function itself.
Part = str | Callable[..., Any]


# Where Keras keeps parts for all to use; `__module__` is a place that may change.
_KERAS = ("keras.optimizers", "keras.layers")


class PartTable:
    """The built-in parts of one kind, and the way to parts of a person's own.

    Args:
        kind: what the parts are, `cell` say; it is the name of the option too.
        built_in: short name -> where the part stands, as `module:Name`.

    Attributes:
        rule: what a field is held to: `cell: Annotated[Part, CELLS.rule] = "gru"`.

    >>> cells = PartTable("cell", {"gru": "tfseq.cells:GRUCell"})
    >>> cells.find("gru").__name__, cells.find("collections:Counter").__name__
    ('GRUCell', 'Counter')
    >>> import collections
    >>> cells.name(collections.Counter), cells.name(cells.find("gru"))
    ('collections:Counter', 'gru')
    """

    def __init__(self, kind: str, built_in: Mapping[str, str]):
        self.kind = kind
        self.built_in = dict(built_in)
        self.rule = PartRule(self.words, self.holds, self.name, changes=object, table=self)

    def find(self, part: Any) -> Any:
        """The part that a name stands for; what is not a text is a part already.

        A module of a person's own is looked for in the current directory first.

        Raises:
            InputError: there is no such part; says what is missing, or why its module cannot be
                imported.
        """
        if not isinstance(part, str):
            return part
        if not self.holds(part):
            raise InputError(f"`{self.kind}` must be {self.words}. Received: {part!r}.")
        module_name, _, name = self.built_in.get(part, part).partition(":")
        if self._is_built_in(part):
            return operator.attrgetter(name)(importlib.import_module(module_name))
        with self._import_errors(part, module_name), _current_directory_first():
            module = importlib.import_module(module_name)
        try:
            return operator.attrgetter(name)(module)
        except AttributeError as error:
            raise InputError(
                f"`{self.kind}` is {part!r}, but the module {module_name} has no {name}. "
                f"It was imported from {getattr(module, '__file__', None) or 'Python itself'}."
            ) from error

    def make(self, part: Any, result: Rule, *arguments: Any, **settings: Any) -> Any:
        """What a part makes of arguments.

        Args:
            part: the part or its name.
            result: what it must make; its words are a sentence of the error.
            *arguments, **settings: what the part is called with.

        Raises:
            InputError: a part of a person's own makes something else, or raises any error.
        """
        make, cause = self.find(part), None
        try:
            made = make(*arguments, **settings)
            if result.holds(made):
                return made
            found = f"gives {made!r}"
        except Exception as error:  # Whatever a person's own code raises.
            if self._is_built_in(part):
                raise
            found, cause = f"raises {type(error).__name__}: {error}", error
        raise InputError(f"{result.words}. Received: {part!r}, which {found}.") from cause

    def name(self, part: Any) -> str:
        """The name by which `find` finds a part again: the short one of a part that has one.

        Raises:
            InputError: the part cannot be found again by a name, as a lambda cannot.
        """
        if isinstance(part, str) and part.startswith("keras.src.") and self.holds(part):
            part = self.find(part)
        if isinstance(part, str):
            return next((s for s, place in self.built_in.items() if part in _places(place)), part)
        module, name = getattr(part, "__module__", None), getattr(part, "__qualname__", None)
        if name and str(module).startswith("keras."):
            homes = (home for home in _KERAS if getattr(sys.modules.get(home), name, None) is part)
            module = next(homes, module)
        place = f"{module}:{name}"
        for short, built_in in self.built_in.items():
            if built_in == place or self.find(short) is part:
                return short
        importable = name and module not in ("__main__", "builtins") and self.holds(place)
        if not importable or self.find(place) is not part:
            raise InputError(
                f"`{self.kind}` must be {self.words}, or a class or function at the top of a "
                f"module that can be imported, so that a run finds it again. Received: {part!r}."
            )
        return place

    def _is_built_in(self, part: Any) -> bool:
        return isinstance(part, str) and (part in self.built_in or part in self.built_in.values())

    @contextlib.contextmanager
    def _import_errors(self, part: str, module: str) -> Iterator[None]:
        """What an import raises becomes an InputError."""
        try:
            yield
        except ModuleNotFoundError as error:
            missing = error.name or module
            if missing != module and not module.startswith(missing + "."):
                missing = f"{missing}, which {module} imports"
            raise InputError(
                f"`{self.kind}` is {part!r}, but there is no module {missing}. Start in the "
                "directory that holds it, or add that directory to PYTHONPATH."
            ) from error
        except Exception as error:
            raise InputError(
                f"`{self.kind}` is {part!r}, but the module {module} cannot be imported: "
                f"{type(error).__name__}: {error}."
            ) from error

    @property
    def words(self) -> str:
        """What may be named, in words."""
        return f"one of {', '.join(self.built_in)}, or module:Name"

    def holds(self, part: Any) -> bool:
        """Whether it can be a part or the name of one; no module is looked at."""
        if not isinstance(part, str):
            return callable(part)
        module, _, name = part.partition(":")
        return part in self.built_in or all(
            word.isidentifier() for word in (*module.split("."), *name.split("."))
        )


def _places(place: str) -> tuple[str, ...]:
    """A place, and for one in tfseq the package itself, which has all that is public."""
    package, name = place.split(".")[0], place.partition(":")[2]
    return (place, f"tfseq:{name}") if package == "tfseq" else (place,)


@contextlib.contextmanager
def _current_directory_first() -> Iterator[None]:
    """Modules are looked for in the current directory before anywhere else."""
    try:
        here = os.getcwd()
    except OSError:  # It has been removed: no module can be in it.
        yield
        return
    sys.path.insert(0, here)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # The module may change `sys.path` itself.
            sys.path.remove(here)


@dataclass(frozen=True)
class PartRule(Rule):
    """The rule of a field that takes a part of a table."""

    table: PartTable | None = None
