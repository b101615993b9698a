"""What a test has to know of a cell."""

from collections.abc import Callable
from dataclasses import dataclass

UNITS = 4
FEATURES = 3


@dataclass(frozen=True)
class Case:
    """A cell, and what may be done with it.

    Attributes:
        make: makes a new cell, `make() -> cell`. Keras' seeds are set before.
        features: the shape of x_t without its batch axis.
        inputs: function `(numpy generator, shape) -> array` that draws the inputs; normally
            distributed float32 by default.
        noisy_states: whether noise may be added to the initial states. Not where they have a
            meaning: counters, covariances.
        noisy_weights: whether noise may be added to the trainable weights.
        tolerance: the largest difference allowed, relative to the largest value of Keras.
        surroundings: function `(cell, batch_size)` called before each run of the layer, and where
            a run is traced, which gives the cell what it reads from outside. What a cell lists as
            `outside` is differentiated for.
        built: the only one of `Setting.built` that Keras takes, or None for any.
        layer: further arguments of the layer.
        masks: whether Keras takes a mask, which it does where every state has a batch axis.
        differentiable: whether Keras has a gradient of it.
    """

    make: Callable
    features: tuple = (FEATURES,)
    inputs: Callable | None = None
    noisy_states: bool = True
    noisy_weights: bool = True
    tolerance: float = 3e-5
    surroundings: Callable | None = None
    built: str | None = None
    layer: dict | None = None
    masks: bool = True
    differentiable: bool = True
