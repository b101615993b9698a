"""What a call leaves on a cell, and taking it back."""

import contextlib
import functools
from types import FunctionType, MethodType, ModuleType

import keras
import numpy as np
import tensorflow as tf

# Nothing is looked for in these.
_CLOSED = (
    *(bool, int, float, complex, str, bytes, type(None), type, ModuleType),
    *(np.ndarray, np.generic, tf.Tensor, tf.Variable, keras.Variable, tf.DType),
)
# A cell that refers to more objects than this refers to something larger than itself.
_MOST_OBJECTS = 20_000


class _Found:
    """An object, a copy of what it held, and how to put that back."""

    def __init__(self, holder, content, put_back):
        self.holder, self.content, self._put_back = holder, content, put_back
        self.before = content()

    def take_back(self):
        """Puts back what was there; returns whether anything else was."""
        after = self.content()
        if _same(self.before, after):
            return False
        self._put_back(self.before)
        return not isinstance(self.holder, keras.layers.Layer) or not _same(
            _without_notes(self.before), _without_notes(after)
        )


@contextlib.contextmanager
def no_marks(cell):
    """Takes back, at its end, what the code inside has changed on `cell` and what it refers to.

    That is any attribute, item of a container, or variable of a closure. What a cell keeps of a
    step that is traced elsewhere, a dropout mask say, would be a tensor of another graph.

    Yields:
        A list that is empty until the end; then it is empty still if nothing had changed, else it
        holds the names of the types of what had.

    Example:

    >>> class Cell:
    ...     def __init__(self):
    ...         self.calls = []
    >>> cell = Cell()
    >>> with no_marks(cell) as marks:
    ...     cell.calls.append(1)
    ...     cell.mask = 2
    >>> vars(cell), marks
    ({'calls': []}, ['Cell', 'list'])
    """
    found = [_holding(holder) for holder in objects_of(cell)]
    found = [f for f in found if f is not None]
    marks = []
    try:
        yield marks
    finally:
        marks += [type(f.holder).__name__ for f in found if f.take_back()]


def unbuilt_layers(cell) -> list:
    """The layers that `cell` refers to and that have not been built, itself included."""
    layers = [o for o in objects_of(cell) if isinstance(o, keras.layers.Layer)]
    return [layer for layer in layers if not layer.built]


def objects_of(cell) -> list:
    """`cell` and whatever can be reached from it: attributes, items, variables of closures."""
    found, waiting = {}, [cell]
    while waiting and len(found) < _MOST_OBJECTS:
        thing = waiting.pop()
        if isinstance(thing, _CLOSED) or id(thing) in found:
            continue
        found[id(thing)] = thing
        if isinstance(thing, dict):
            waiting += thing.values()
        elif isinstance(thing, list | tuple | set | frozenset):
            waiting += thing
        elif isinstance(thing, FunctionType):
            waiting += thing.__closure__ or ()
        elif isinstance(thing, MethodType):
            waiting.append(thing.__self__)
        elif isinstance(thing, _ClosureCell):
            waiting += _closure_content(thing)
        waiting += getattr(thing, "__dict__", {}).values()
    return list(found.values())


_ClosureCell = type((lambda x: lambda: x)(0).__closure__[0])


def _closure_content(cell):
    try:
        return [cell.cell_contents]
    except ValueError:
        return []  # Not filled yet.


def _holding(thing):
    # By the methods of the built-in types: Keras' lists and dictionaries do more, such as refusing.
    if isinstance(thing, list):
        return _Found(
            thing, lambda: list(thing), lambda old: list.__setitem__(thing, slice(None), old)
        )
    if isinstance(thing, dict):
        return _Found(thing, lambda: dict(thing), lambda old: _refill(dict, thing, old))
    if isinstance(thing, set):
        return _Found(thing, lambda: set(thing), lambda old: _refill(set, thing, old))
    if isinstance(thing, _ClosureCell):
        return _Found(thing, lambda: _closure_content(thing), lambda old: _fill_closure(thing, old))
    attributes = getattr(thing, "__dict__", None)
    if isinstance(attributes, dict):
        return _Found(thing, lambda: dict(attributes), lambda old: _refill(dict, attributes, old))
    return None


def _refill(kind, container, content):
    kind.clear(container)
    kind.update(container, content)


def _fill_closure(cell, content):
    if content:
        cell.cell_contents = content[0]
    else:
        del cell.cell_contents


def _without_notes(attributes):
    return {k: v for k, v in attributes.items() if k not in _noted_by_keras()}


@functools.cache
def _noted_by_keras():
    """The attributes of any layer: Keras changes some of them whenever a layer is called."""
    return frozenset(vars(keras.layers.Layer()))


def _same(a, b):
    """Whether two copies of a content hold the very same objects."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(a[k] is b[k] for k in a)
    if isinstance(a, set):
        return a == b
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))
