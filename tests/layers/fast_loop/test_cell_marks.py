"""Cells that count, draw or keep something in Python: a trace leaves no mark on them."""

import functools
import itertools
import random
import sys
from collections import deque
from types import ModuleType

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loop_cells import UNITS, random_like

from tfseq.cells import SimpleRNNCell
from tfseq.layers import RNN

LAYERS = (RNN, keras.layers.RNN)
SHARED = ModuleType("shared_by_cells")
sys.modules["shared_by_cells"] = SHARED


@pytest.fixture
def x():
    return random_like([tf.zeros([2, 4, 3])])[0]


def _traced(layer):
    return tf.function(lambda x: layer(x, training=True), autograph=False)


class _Slotted:
    __slots__ = ("mask",)


class _Scaled(SimpleRNNCell):
    """Scales its state by a number or a tensor that comes from `scale(cell, h)`."""

    def __init__(self, scale, held=None):
        super().__init__(UNITS)
        self.scale, self.held = scale, held

    def call(self, inputs, states, training=None):
        h, _ = super().call(inputs, [states[0] * self.scale(self, states[0])])
        return h, [h]


def _counted(cell, h):
    cell.held += 1
    return 1 / float(cell.held[0])


def _in_deque(cell, h):
    if not cell.held:
        cell.held.append(ops.ones_like(h) * 2)
    return cell.held[0]


def _in_slot(cell, h):
    if not hasattr(cell.held, "mask"):
        cell.held.mask = ops.ones_like(h) * 2
    return cell.held.mask


def _in_array(cell, h):
    if cell.held[0] is None:
        cell.held[0] = ops.ones_like(h) * 2
    return cell.held[0]


def _in_module(cell, h):
    if not hasattr(SHARED, "mask"):
        SHARED.mask = ops.ones_like(h) * 2
    return SHARED.mask


SCALES = {
    "an array that counts": lambda: _Scaled(_counted, np.zeros(1)),
    "an iterator": lambda: _Scaled(lambda cell, h: 1 / next(cell.held), itertools.count(1)),
    "a generator of NumPy": lambda: _Scaled(
        lambda cell, h: cell.held.random(), np.random.default_rng(0)
    ),
    "a generator of Python": lambda: _Scaled(lambda cell, h: cell.held.random(), random.Random(0)),
    "Python's own generator": lambda: _Scaled(lambda cell, h: random.random()),
    "NumPy's own generator": lambda: _Scaled(lambda cell, h: np.random.rand()),
    "a deque": lambda: _Scaled(_in_deque, deque(maxlen=1)),
    "a slot": lambda: _Scaled(_in_slot, _Slotted()),
    "an array of objects": lambda: _Scaled(_in_array, np.array([None], object)),
    "a module": lambda: _Scaled(_in_module),
}


@pytest.mark.everyday(4)
@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("num_rows", [2, 64])
def test_outputs_and_gradients_are_those_of_keras(name, num_rows):
    x = random_like([tf.zeros([num_rows, 3, 4])])[0]
    found = []
    for layer_type in LAYERS:
        vars(SHARED).pop("mask", None)
        keras.utils.set_random_seed(0)  # Python's and NumPy's generators, too.
        layer = layer_type(SCALES[name]())
        layer.build(x.shape)

        @tf.function(autograph=False)
        def run(x, layer=layer):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=True)
                loss = tf.reduce_sum(tf.sin(y))
            return y, tape.gradient(loss, x)

        found.append(run(x))
        if layer_type is RNN:
            assert layer.last_loop.startswith("keras: ")
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6)


class _Remembering(SimpleRNNCell):
    """Keeps what it must not, in every place that a cell has."""

    def __init__(self, units, **arguments):
        super().__init__(units, **arguments)
        self.masks, self.by_name, self.calls, self.mask = [], {}, 0, None
        last = None

        def remember(tensor):
            nonlocal last
            last = tensor
            return last

        self.remember = remember

    def call(self, inputs, states, training=None):
        if self.mask is None:
            self.mask = ops.cast(ops.ones_like(states[0]) * 2, "float32")
            self.masks.append(self.mask)
            self.by_name["mask"] = self.mask
        self.calls += 1
        h, _ = super().call(inputs, [self.remember(states[0] * self.mask)])
        return h, [h]

    def kept(self):
        closed_over = self.remember.__closure__[0].cell_contents
        return [*self.masks, *self.by_name.values(), self.calls, self.mask, closed_over]


@pytest.mark.parametrize("num_rows", [2, 64])
def test_what_a_cell_keeps_of_a_step_is_as_under_keras(num_rows, x):
    x = tf.repeat(x, num_rows // 2, axis=0)
    found = []
    for layer_type in LAYERS:
        keras.utils.set_random_seed(0)
        cell = _Remembering(UNITS)
        layer = layer_type(cell)
        layer.build(x.shape)
        run = _traced(layer)
        found.append((run(x), cell.kept()))
        # Tensors of the function, or of its loop, and never of a graph that was made to look.
        graph = run.get_concrete_function(x).graph
        graphs = [k.graph for k in cell.kept() if tf.is_tensor(k)]
        assert all(g is graph for g in graphs[:-1])
        assert graphs[-1].outer_graph is graph
        if layer_type is RNN:
            assert layer.last_loop == "keras: a call changes it: it keeps something, or counts"
    (y, kept), (expected, expected_kept) = found
    np.testing.assert_allclose(y, expected, rtol=2e-6, atol=2e-6)
    # As many tensors, and as many calls.
    assert list(map(type, kept)) == list(map(type, expected_kept))
    assert kept[2] == expected_kept[2]


_KEPT_BY_MODULE = {}


@functools.lru_cache
def _kept_by_cache(num_rows):
    return tf.ones([num_rows, UNITS]) * 2


class _KeepingElsewhere(SimpleRNNCell):
    """Keeps a mask of its first step where all cells of its kind find it."""

    kept_by_class = None

    def __init__(self, where):
        super().__init__(UNITS)
        self.where = where

    def mask(self, h):
        if self.where == "class":
            cls = type(self)
            cls.kept_by_class = (
                ops.ones_like(h) * 2 if cls.kept_by_class is None else cls.kept_by_class
            )
            return cls.kept_by_class
        if self.where == "module":
            return _KEPT_BY_MODULE.setdefault("mask", ops.ones_like(h) * 2)
        return _kept_by_cache(h.shape[0])

    def call(self, inputs, states, training=None):
        h, _ = super().call(inputs, [states[0] * self.mask(states[0])])
        return h, [h]


@pytest.mark.parametrize("where", ["class", "module", "cache"])
@pytest.mark.parametrize("num_rows", [2, 64])
def test_what_cells_of_a_kind_keep_together_is_as_under_keras(where, num_rows, x):
    x = tf.repeat(x, num_rows // 2, axis=0)
    found = []
    for layer_type in LAYERS:
        _KeepingElsewhere.kept_by_class = None
        _KEPT_BY_MODULE.clear()
        _kept_by_cache.cache_clear()
        keras.utils.set_random_seed(0)
        layer = layer_type(_KeepingElsewhere(where))
        layer.build(x.shape)
        found.append(_traced(layer)(x))
    np.testing.assert_allclose(*found, rtol=2e-6, atol=2e-6)
