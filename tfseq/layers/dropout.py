"""Dropout with masks that cost next to nothing."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras

#: What the steps of a sequence have: a mask each, or one for all of them.
DropoutMask = Literal["step", "window"]
#: The `noise_shape` of either, of sequences `[batch, time, features]`.
NOISE_SHAPES = {"step": None, "window": (None, 1, None)}


@keras.saving.register_keras_serializable(package="tfseq")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout`, with masks from a counter: Y = M ⊙ X / (1 − rate).

    Component n of the mask M is 1 where hash(seed, call, n) ≥ rate · 2³², else 0. XLA computes it
    wherever it is used, forward and backward, and stores no mask. Under XLA on a CPU, the generator
    that Keras uses takes several times as long as the rest of a training step.

    Seeds, and how they are saved, are those of Keras; on other backends so are the masks.

    Args:
        rate: share in [0, 1) of the components set to zero in training.
        noise_shape: the shape of M, one size for each axis; None for the size of the inputs, 1
            where all share one mask. `(None, 1, None)` has one mask for all steps of a sequence
            (Gal and Ghahramani, 2016, https://arxiv.org/abs/1512.05287).
        seed, **kwargs: as `keras.layers.Dropout` has them.

    Example:

    >>> y = Dropout(0.25, seed=1)(keras.ops.ones((1000, 100)), training=True)
    >>> kept = keras.ops.convert_to_numpy(y) > 0
    >>> bool(abs(kept.mean() - 0.75) < 0.01), round(float(y[kept][0]), 3)
    (True, 1.333)
    """

    def call(self, inputs, training=False) -> Any:
        if not (training and 0 < self.rate < 1):
            return super().call(inputs, training=training)
        drop = dropping(self.rate, self.seed_generator, of_rows=True)
        return drop(inputs, noise_shape=self.noise_shape)


def dropping(
    rate: float, seed_generator: keras.random.SeedGenerator, of_rows: bool = False
) -> Callable:
    """A function `drop(inputs, noise_shape=None)` whose mask is drawn now; see `Dropout`.

    With `of_rows`, the first axis of `inputs` is that of a batch.

    It may be called more than once, for the same mask; only backends other than TensorFlow draw
    anew each time.
    """
    if keras.backend.backend() != "tensorflow":
        return functools.partial(_drop_by_keras, rate=rate, seed=seed_generator)
    # Imported here: the layers need Keras alone where another backend runs them.
    from tfseq.layers.tensorflow.dropout_mask import drop

    return functools.partial(drop, rate=rate, seed=seed_generator.next(), of_rows=of_rows)


def _drop_by_keras(inputs, rate, seed, noise_shape=None):
    if noise_shape is not None:
        shape = keras.ops.shape(inputs)
        noise_shape = [n if m is None else m for n, m in zip(shape, noise_shape, strict=True)]
    return keras.random.dropout(inputs, rate, noise_shape, seed=seed)


def draw_kept(shape: Sequence, rate: float, seed_generator: keras.random.SeedGenerator) -> Any:
    """A mask, bool `[batch, …]`, drawn now; False for a share `rate` in (0, 1)."""
    if keras.backend.backend() != "tensorflow":
        return keras.random.uniform(shape, seed=seed_generator) >= rate
    from tfseq.layers.tensorflow.dropout_mask import kept_places

    return kept_places(shape, rate, seed_generator.next(), of_rows=True)
