"""What a call leaves on a cell, and taking it back."""

import contextlib
import functools
import sys
from types import FunctionType, MethodType, ModuleType

import keras
import numpy as np
import tensorflow as tf

# Nothing is looked for in these.
_CLOSED = (
    *(bool, int, float, complex, str, bytes, type(None), ModuleType),
    *(np.ndarray, np.generic, tf.Tensor, tf.Variable, keras.Variable, tf.DType),
)
# Nor in the functions and classes of these.
_LIBRARIES = sys.stdlib_module_names | {"keras", "numpy", "tensorflow", "tfseq"}
# A cell that refers to more objects than this refers to something larger than itself.
_MOST_OBJECTS = 20_000
_WRAPPERS = (MethodType, functools.partial, property, staticmethod, classmethod)
_ClosureVariable = type((lambda x: lambda: x)(0).__closure__[0])


@contextlib.contextmanager
def no_marks(cell):
    """Takes back, at its end, what the code inside has changed on `cell` and what it refers to.

    That is any attribute, of objects and of classes, any item of a container, variable of a
    closure, global variable that a method reads, and cached result. What a cell keeps of a step
    that is traced elsewhere, a dropout mask say, would be a tensor of another graph.

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
    held = [(thing, *_contents(thing)) for thing in _objects(cell, everywhere=True)]
    held = [(thing, read, write, read()) for thing, read, write in held]
    marks = []
    try:
        yield marks
    finally:
        for thing, read, write, before in held:
            after = read()
            if not _same(before, after):
                write(before)
                if not _same(_without_notes(thing, before), _without_notes(thing, after)):
                    marks.append(type(thing).__name__)


def unbuilt_layers(cell) -> list:
    """The layers that `cell` refers to and that have not been built, itself included."""
    layers = [o for o in _objects(cell, everywhere=False) if isinstance(o, keras.layers.Layer)]
    return [layer for layer in layers if not layer.built]


def _objects(cell, everywhere):
    """`cell` and what it holds; `everywhere`: also what cells of its kind share."""
    found, waiting = {}, [cell]
    while waiting and len(found) < _MOST_OBJECTS:
        thing = waiting.pop()
        if isinstance(thing, _CLOSED) or id(thing) in found or _is_of_library(thing):
            continue
        if everywhere or not isinstance(thing, type):
            found[id(thing)] = thing
            waiting += _reached_from(thing, everywhere)
    return list(found.values())


def _is_of_library(thing):
    if not isinstance(thing, type | FunctionType):
        return False
    return (thing.__module__ or "builtins").partition(".")[0] in _LIBRARIES


def _reached_from(thing, everywhere):
    if everywhere or not isinstance(thing, FunctionType):
        content = _contents(thing)[0]()
        yield from content.values() if isinstance(content, dict) else content
    if isinstance(thing, type):
        return
    yield from getattr(thing, "__dict__", {}).values()
    yield from getattr(thing, "__closure__", None) or ()
    if isinstance(thing, tuple | frozenset):
        yield from thing
    # Of methods, partials and properties.
    for name in ("__self__", "__func__", "func", "fget"):
        if isinstance(thing, _WRAPPERS):
            yield getattr(thing, name, None)
    yield from type(thing).__mro__


def _contents(thing):
    """A function that copies what `thing` holds, and one that puts such a copy back."""
    # By the methods of the built-in types: Keras' lists and dictionaries do more, such as refusing.
    if isinstance(thing, list):
        return lambda: list(thing), lambda old: list.__setitem__(thing, slice(None), old)
    if isinstance(thing, dict):
        return lambda: dict(thing), functools.partial(_refill, dict, thing)
    if isinstance(thing, set):
        return lambda: set(thing), functools.partial(_refill, set, thing)
    if isinstance(thing, _ClosureVariable):
        return lambda: _closed_over(thing), functools.partial(_close_over, thing)
    if isinstance(thing, FunctionType):
        return lambda: _globals_of(thing), functools.partial(_set_globals, thing)
    if isinstance(thing, type):
        return lambda: dict(vars(thing)), functools.partial(_set_attributes, thing)
    if hasattr(thing, "cache_clear"):
        return lambda: [thing.cache_info().currsize], lambda old: thing.cache_clear()
    attributes = getattr(thing, "__dict__", None)
    if isinstance(attributes, dict):
        return lambda: dict(attributes), functools.partial(_refill, dict, attributes)
    return list, lambda old: None


def _refill(kind, container, content):
    kind.clear(container)
    kind.update(container, content)


def _closed_over(variable):
    try:
        return [variable.cell_contents]
    except ValueError:
        return []  # Not filled yet.


def _close_over(variable, content):
    if content:
        variable.cell_contents = content[0]
    else:
        del variable.cell_contents


def _globals_of(function):
    names = function.__globals__
    return {name: names[name] for name in function.__code__.co_names if name in names}


def _set_globals(function, content):
    for name in _globals_of(function).keys() - content.keys():
        del function.__globals__[name]
    function.__globals__.update(content)


def _set_attributes(kind, content):
    for name in vars(kind).keys() - content.keys():
        delattr(kind, name)
    for name, value in content.items():
        if vars(kind).get(name) is not value:
            setattr(kind, name, value)


def _without_notes(thing, content):
    """`content` without what Keras notes on any layer whenever it is called."""
    if not isinstance(thing, keras.layers.Layer):
        return content
    # Its cells note that they have no dropout mask.
    return {k: v for k, v in content.items() if k not in _noted_by_keras() and v is not None}


@functools.cache
def _noted_by_keras():
    return frozenset(vars(keras.layers.Layer()))


def _same(a, b):
    """Whether two copies hold the very same objects; of numbers, the same ones."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(a[k] is b[k] for k in a)
    if isinstance(a, set):
        return a == b
    return len(a) == len(b) and all(
        x is y or _equal_numbers(x, y) for x, y in zip(a, b, strict=True)
    )


def _equal_numbers(x, y):
    return type(x) is type(y) is int and x == y
