"""What a call leaves on a cell, and taking it back."""

import collections
import contextlib
import functools
import pickle
import random
import sys
from collections.abc import Iterator
from types import FunctionType, MethodType, ModuleType

import keras
import numpy as np
import tensorflow as tf

# Nothing is looked for in these.
_CLOSED = (
    *(bool, int, float, complex, str, bytes, type(None)),
    *(np.generic, tf.Tensor, tf.Variable, keras.Variable, tf.DType),
)
# Nor in the functions and classes of these.
_LIBRARIES = sys.stdlib_module_names | {"keras", "numpy", "tensorflow", "tfseq"}
# A cell that refers to more objects than this refers to something larger than itself.
_MOST_OBJECTS = 20_000
_MOST_NUMBERS = 2**22
_RANDOM = (random.Random, np.random.RandomState, np.random.BitGenerator)
# How the state of a random generator is read and put back.
_STATES = ("getstate", "setstate"), ("get_state", "set_state")
_CONTAINERS = (dict, list, set, collections.deque)
_WRAPPERS = (MethodType, functools.partial, property, staticmethod, classmethod)
_ClosureVariable = type((lambda x: lambda: x)(0).__closure__[0])


@contextlib.contextmanager
def no_marks(cell):
    """Takes back, at its end, what the code inside has changed on `cell` and what it refers to.

    That is any attribute, of objects, classes and modules; any item of a container or an array;
    variables of closures, and global ones that a method reads; cached results; the state of random
    generators. What a cell keeps of a step that is traced elsewhere, a dropout mask say, would be a
    tensor of another graph, and what it counts would be counted twice.

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
    things = [*_objects(cell, everywhere=True), random, np.random]
    held = [(thing, *_contents(thing)) for thing in things]
    held = [(thing, read, write, read(thing)) for thing, read, write in held]
    marks = []
    try:
        yield marks
    finally:
        for thing, read, write, before in held:
            after = read(thing)
            if not _same(before, after):
                write(thing, before)
                if not _same(_without_notes(thing, before), _without_notes(thing, after)):
                    marks.append(type(thing).__name__)


def obstacle(cell) -> str | None:
    """What `cell` refers to that a call changes for good, in words; None if there is nothing."""
    for thing in _objects(cell, everywhere=False):
        if isinstance(thing, keras.layers.Layer) and not thing.built:
            return f"its layer {thing.name!r} is built by the first call only"
        if isinstance(thing, Iterator):
            return "it holds an iterator, which a call may move on"
    return None


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
    if isinstance(thing, ModuleType):
        name = thing.__name__
    elif isinstance(thing, type | FunctionType):
        name = thing.__module__ or "builtins"
    else:
        return False
    return name.partition(".")[0] in _LIBRARIES


def _reached_from(thing, everywhere):
    if isinstance(thing, np.random.Generator):
        yield thing.bit_generator
    if isinstance(thing, (np.ndarray, Iterator, *_RANDOM)):
        return
    if everywhere or not isinstance(thing, FunctionType | ModuleType):
        content = _contents(thing)[0](thing)
        content = content.values() if isinstance(content, dict) else content
        if isinstance(thing, ModuleType):
            content = [value for value in content if isinstance(value, _CONTAINERS)]
        yield from content
    if isinstance(thing, type | ModuleType):
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
    for kind, accessors in _BUILT_IN.items():
        if isinstance(thing, kind):
            return accessors
    if isinstance(thing, np.ndarray) and thing.size <= _MOST_NUMBERS and thing.flags.writeable:
        return _items, _set_items
    if isinstance(thing, _RANDOM) or thing is random or thing is np.random:
        return _random_state, _set_random_state
    if isinstance(thing, type):
        return lambda t: dict(vars(t)), functools.partial(_set_attributes, vars)
    if hasattr(thing, "cache_clear"):
        return lambda t: [t.cache_info().currsize], lambda t, old: t.cache_clear()
    if isinstance(getattr(thing, "__dict__", None), dict):
        return lambda t: dict(t.__dict__), lambda t, old: _refill(dict, t.__dict__, old)
    if any(_is_slotted(kind) for kind in type(thing).__mro__):
        return _slots, functools.partial(_set_attributes, _slots)
    return lambda t: [], lambda t, old: None


def _items(array):
    return list(array.flat) if array.dtype == object else [array.tobytes()]


def _set_items(array, items):
    if array.dtype == object:
        array.flat = items
    else:
        array.flat = np.frombuffer(items[0], array.dtype)


def _random_state(generator):
    return [pickle.dumps(_accessors(generator)[0]())]


def _set_random_state(generator, content):
    _accessors(generator)[1](pickle.loads(content[0]))


def _accessors(generator):
    """What reads and what puts back its state; modules and kinds of generators differ in it."""
    if isinstance(generator, np.random.BitGenerator):
        return lambda: generator.state, functools.partial(setattr, generator, "state")
    read, write = next(names for names in _STATES if hasattr(generator, names[0]))
    return getattr(generator, read), getattr(generator, write)


def _is_slotted(kind):
    return "__slots__" in vars(kind) and not _is_of_library(kind)


def _slots(thing):
    names = []
    for kind in filter(_is_slotted, type(thing).__mro__):
        slots = vars(kind)["__slots__"]
        names += [slots] if isinstance(slots, str) else slots
    return {name: getattr(thing, name) for name in names if hasattr(thing, name)}


def _set_attributes(read, thing, content):
    now = read(thing)
    for name in now.keys() - content.keys():
        delattr(thing, name)
    for name, value in content.items():
        if name not in now or now[name] is not value:
            setattr(thing, name, value)


def _refill(kind, container, content):
    kind.clear(container)
    (kind.extend if kind is collections.deque else kind.update)(container, content)


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
    """Whether two copies hold the very same objects; of numbers and bytes, equal ones."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(a[k] is b[k] for k in a)
    if isinstance(a, set):
        return a == b
    return len(a) == len(b) and all(
        x is y or _equal_values(x, y) for x, y in zip(a, b, strict=True)
    )


def _equal_values(x, y):
    return type(x) is type(y) and isinstance(x, int | bytes) and x == y


_BUILT_IN = {
    list: (list, lambda t, old: list.__setitem__(t, slice(None), old)),
    **{kind: (kind, functools.partial(_refill, kind)) for kind in (dict, set, collections.deque)},
    _ClosureVariable: (_closed_over, _close_over),
    FunctionType: (_globals_of, _set_globals),
}
