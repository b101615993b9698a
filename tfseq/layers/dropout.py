"""Dropout with masks that cost next to nothing."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tfseq")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout`, with masks from a counter: Y = M ⊙ X / (1 − rate).

    Component n of the mask M is 1 where hash(seed, call, n) ≥ rate · 2³², else 0. XLA computes it
    wherever it is used, forward and backward, and stores no mask. Under XLA on a CPU, the generator
    that Keras uses takes several times as long as the rest of a training step.

    Seeds, and how they are saved, are those of Keras. On other backends, and with a `noise_shape`,
    so are the masks.

    Args:
        rate: share in [0, 1) of the components set to zero in training.
        noise_shape, seed, **kwargs: as `keras.layers.Dropout` has them.

    Example:

    >>> y = Dropout(0.25, seed=1)(keras.ops.ones((1000, 100)), training=True)
    >>> kept = keras.ops.convert_to_numpy(y) > 0
    >>> bool(abs(kept.mean() - 0.75) < 0.01), round(float(y[kept][0]), 3)
    (True, 1.333)
    """

    def call(self, inputs, training=False) -> Any:
        by_counter = keras.backend.backend() == "tensorflow" and self.noise_shape is None
        if not (by_counter and training and 0 < self.rate < 1):
            return super().call(inputs, training=training)
        # Imported here: the layer needs Keras alone where another backend runs it.
        from tfseq.layers.tensorflow.dropout_mask import drop

        return drop(inputs, self.rate, self.seed_generator.next())
