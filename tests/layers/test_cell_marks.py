"""Cells that count, draw or keep something in Python: a trace leaves no mark on them."""

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

SHARED = ModuleType("shared_by_cells")
sys.modules["shared_by_cells"] = SHARED


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


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("num_rows", [2, 64])
def test_outputs_and_gradients_are_those_of_keras(name, num_rows):
    x = random_like([tf.zeros([num_rows, 3, 4])])[0]
    found = []
    for layer_type in (RNN, keras.layers.RNN):
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
