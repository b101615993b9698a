"""Learning rates by layer: which weights learn from when on, and how fast."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf


@dataclass(frozen=True)
class LayerRates:
    """Gradual unfreezing and discriminative rates.

    With g = 0 the highest group and t the number of updates before this one, group g moves by

        s_g(t) = 0 where t < g · k · U, else factor⁻ᵍ

    times what the optimizer moves it by, U being the updates of an epoch. What does not move yet is
    left out of the norm that gradients are clipped by; the optimizer's averages of its gradient go
    on, so that its first updates are no larger than others.

    Attributes:
        groups: of weights, the highest layer first; each weight is in one.
        factor: how many times lower the rate of a group is than that of the one above.
        unfreeze_epochs: k.

    Source: ULMFiT, Howard and Ruder, 2018, https://arxiv.org/abs/1801.06146, sections 3.2 and 3.3;
    that the optimizer looks at frozen layers is our own.
    """

    groups: Sequence[Sequence[keras.Variable]]
    factor: float = 1.0
    unfreeze_epochs: int = 0

    def shares(
        self, weights: Sequence[keras.Variable], updates: tf.Tensor, updates_per_epoch: float
    ) -> list[tf.Tensor | None]:
        """s of each weight, a scalar; None where it always is 1.

        Args:
            weights: what an update moves.
            updates: t.
            updates_per_epoch: U.

        >>> a, b = (keras.Variable(0.0) for _ in range(2))
        >>> rates = LayerRates([[a], [b]], factor=2.0, unfreeze_epochs=1)
        >>> [float(rates.shares([b, a], tf.constant(t), 5)[0]) for t in (4, 5)]
        [0.0, 0.5]
        """
        number = {id(w): g for g, group in enumerate(self.groups) for w in group}
        found: dict[int, tf.Tensor | None] = {0: None}
        for g in range(1, len(self.groups)):
            share = tf.constant(self.factor**-g)
            if self.unfreeze_epochs:
                begins = g * self.unfreeze_epochs * updates_per_epoch
                share = tf.where(tf.cast(updates, tf.float32) < begins, 0.0, share)
            found[g] = None if self.factor == 1 and not self.unfreeze_epochs else share
        return [found[number[id(w)]] for w in weights]
