"""A project of someone else's, which knows the public names of tfseq and Keras alone.

Run as a script with the path of a model saved by `train`, it prints the model's predictions.
"""

import json
import sys

import keras
import numpy as np
from keras import ops

import tfseq
import tfseq.layers  # registers RNN and RecurrentStack, which loading a model needs


@keras.saving.register_keras_serializable(package="foreign")
class HighwayGRUCell(tfseq.GRUCell):
    """One extra gate: G = σ(X W_g + H U_g) lets a projection of the input past the cell."""

    def build(self, input_shape):
        super().build(input_shape)
        features = input_shape[-1]
        self.gate_kernel = self.add_weight(name="gate_kernel", shape=(features, self.units))
        self.gate_recurrent = self.add_weight(name="gate_recurrent", shape=(self.units,) * 2)
        self.projection = self.add_weight(name="projection", shape=(features, self.units))

    def call(self, inputs, states, training=None):
        output, _ = super().call(inputs, states, training=training)
        g = ops.matmul(inputs, self.gate_kernel) + ops.matmul(states[0], self.gate_recurrent)
        g = self.recurrent_activation(g)
        output = g * output + (1 - g) * ops.matmul(inputs, self.projection)
        return output, [output]


@keras.saving.register_keras_serializable(package="foreign")
class LeakyRNNCell(tfseq.SimpleRNNCell):
    """A changed update: H ← (1 − leak) H + leak φ(X W + H U + b)."""

    def __init__(self, units, leak=0.5, **kwargs):
        super().__init__(units, **kwargs)
        self.leak = leak

    def call(self, inputs, states, training=None):
        output, _ = super().call(inputs, states, training=training)
        output = (1 - self.leak) * states[0] + self.leak * output
        return output, [output]

    def get_config(self):
        return {**super().get_config(), "leak": self.leak}


@keras.saving.register_keras_serializable(package="foreign")
class NormalizedLSTMCell(tfseq.LSTMCell):
    """Layer normalisation of H after the update; C runs on as it is."""

    def build(self, input_shape):
        super().build(input_shape)
        self.norm = keras.layers.LayerNormalization(dtype=self.dtype_policy)
        self.norm.build((None, self.units))

    def call(self, inputs, states, training=None):
        h, (_, c) = super().call(inputs, states, training=training)
        h = self.norm(h)
        return h, [h, c]


@keras.saving.register_keras_serializable(package="foreign")
def leaky_cell(units):
    return LeakyRNNCell(units, leak=0.25)


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 6, 2)).astype("float32")
    return x, np.cumsum(x, axis=1)[:, :, :1]


def build_model():
    inputs = keras.Input((None, 2))
    x = keras.layers.RNN(HighwayGRUCell(8), return_sequences=True)(inputs)
    x = keras.layers.Bidirectional(tfseq.RNN(NormalizedLSTMCell(4), return_sequences=True))(x)
    x, _ = tfseq.RecurrentStack(leaky_cell, 8, num_layers=2)(x)
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def train(path):
    """Trains and saves the model; returns the losses and the predictions."""
    x, y = data()
    model = build_model()
    model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=False)
    losses = model.fit(x, y, epochs=5, batch_size=8, verbose=0).history["loss"]
    model.save(path)
    return losses, model.predict(x, verbose=0)


if __name__ == "__main__":
    loaded = keras.models.load_model(sys.argv[1])
    print(json.dumps(loaded.predict(data()[0], verbose=0).tolist()))
