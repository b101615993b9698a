"""What goes into a forecaster and comes out of it, in the series' own units."""

import keras
import numpy as np
import tensorflow as tf


class SeriesScaling:
    """Of a model: z = (x − μ) / σ for each column, and the way past its hidden layers, z W_zq.

    μ and σ are weights of the model that `adapt` sets. W_zq begins as the identity.
    """

    def _add_scaling(self, num_columns: int) -> None:
        self.skip_layer = keras.layers.Dense(
            num_columns, use_bias=False, kernel_initializer="identity", name="skip"
        )
        self.skip_layer.build((None, num_columns))
        shape = (num_columns,)
        self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones", trainable=False)

    def adapt(self, values: np.ndarray) -> None:
        """Take μ and σ from values `[N, C]`: of the training part, and of no other."""
        self.mean.assign(np.mean(values, axis=0))
        self.scale.assign(np.std(values, axis=0))

    def restore(self, z) -> tf.Tensor:
        """z -> x, float `[..., C]`."""
        return self.mean + self.scale * z

    def _go_on(self, step, z, state, horizon):
        """x from z `[B, C]` and what `step(z, state) -> (z, state)` makes of it: `[B, horizon, C]`.

        `state` is a list of tensors.
        """

        def write(k, z, state, forecasts):
            z, state = step(z, state)
            return k + 1, z, state, forecasts.write(k, z)

        forecasts = tf.TensorArray(z.dtype, size=horizon, element_shape=[None, *z.shape[1:]])
        _, _, _, forecasts = tf.while_loop(
            lambda k, *_: k < horizon, write, (1, z, state, forecasts.write(0, z))
        )
        return self.restore(tf.transpose(forecasts.stack(), [1, 0, 2]))
