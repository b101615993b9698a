"""Weights of a model for one that knows more symbols."""

from collections.abc import Sequence

import keras
import numpy as np

# A new symbol is a rare one where the model comes from: as the rarest tenth, which stand last.
_RAREST = 10


def grown_weights(
    weights: Sequence[np.ndarray], shapes: Sequence[Sequence[int]], num_symbols: int, seed: int
) -> list[np.ndarray]:
    """The weights of a model of V symbols in the shapes of one that has V' > V, V first.

    Of a matrix, the row (or column) of a new symbol is drawn from the normal distribution with the
    mean and the standard deviation, component by component, of the rows of the symbols that are
    known, `<unk>` left out. An output bias is the mean of those of the last tenth of them: symbols
    stand by falling frequency, and a new one has not occurred at all.

    Args:
        weights: of the model that is there.
        shapes: what they are to be. At most one axis of each may be longer than it was.
        num_symbols: V.
        seed: of the numbers that are drawn.

    Raises:
        ValueError: a weight is no such.

    >>> grown_weights([np.array([[9.0, 9.0], [1.0, 2.0], [1.0, 2.0]])], [(4, 2)], 3, seed=0)[0][3]
    array([1., 2.])
    """
    rng = np.random.default_rng([seed, num_symbols])
    return [_grown(w, tuple(s), num_symbols, rng) for w, s in zip(weights, shapes, strict=True)]


def _grown(weight, shape, num_symbols, rng):
    if weight.shape == shape:
        return weight
    longer = [i for i, (a, b) in enumerate(zip(weight.shape, shape, strict=False)) if a != b]
    if weight.ndim != len(shape) or len(longer) != 1 or weight.shape[longer[0]] > shape[longer[0]]:
        raise ValueError(f"A weight of the shape {weight.shape} cannot become one of {shape}.")
    (axis,) = longer
    # Behind what else a kernel reads or gives, the symbols stand last.
    known = np.moveaxis(weight, axis, 0)[-num_symbols:]
    known = known[1:] if len(known) > 1 else known
    count = shape[axis] - weight.shape[axis]
    if weight.ndim == 1:
        new = np.full(count, known[-max(1, len(known) // _RAREST) :].mean(), weight.dtype)
    else:
        new = drawn_rows(known, count, rng)
    return np.concatenate([weight, np.moveaxis(new, 0, axis)], axis)


def drawn_rows(known: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` rows drawn with the mean and the standard deviation of the known ones, by column.

    >>> drawn_rows(np.array([[1.0, 5.0], [3.0, 5.0]]), 2, np.random.default_rng(0)).shape
    (2, 2)
    """
    mean, spread = known.mean(0, dtype="float64"), known.std(0, dtype="float64")
    return (mean + spread * rng.standard_normal((count, *known.shape[1:]))).astype(known.dtype)


def take_over(model: keras.Model, source: keras.Model, seed: int) -> None:
    """Gives a model the weights of another of the same shape that knows its first symbols.

    Args:
        model, source: `LanguageModel`s that differ in nothing but `vocabulary_size`, and that the
            `softmax` of the first may be sampled where that of the second is full.
        seed: see `grown_weights`.
    """
    shapes = [weight.shape for weight in model.weights]
    weights = [
        value.T if (there.name, here.name) == ("output_kernel", "output_table") else value
        for value, there, here in zip(
            source.get_weights(), source.weights, model.weights, strict=True
        )
    ]
    model.set_weights(grown_weights(weights, shapes, source.vocabulary_size, seed))
