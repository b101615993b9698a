"""Parts of a project that knows nothing of tfseq: a cell, tokenizers, an optimizer."""

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable(package="project_parts")
class LeakyCell(keras.layers.Layer):
    """h ← (1 − a) h + a tanh(W x + U h), with a leak a of its own for each unit, and a count of
    steps as a second state of another shape."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, 1]
        self.output_size = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units), initializer="orthogonal", name="recurrent_kernel"
        )
        self.leak = self.add_weight(shape=(self.units,), initializer="zeros", name="leak")
        self.built = True

    def call(self, inputs, states, training=None):
        h, steps = states
        new = ops.tanh(ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent_kernel))
        leak = ops.sigmoid(self.leak)
        h = (1 - leak) * h + leak * new
        return h, [h, steps + 1]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Syllables:
    """A token ends after a run of vowels, or is a single other character."""

    def tokenize(self, strings):
        syllable = r"([bcdfghj-np-tv-z]?[aeiou]+|(?s:.))"
        marked = tf.strings.regex_replace(strings, syllable, "\\1\x1f")
        return tf.strings.split(tf.strings.regex_replace(marked, "\x1f$", ""), "\x1f")

    def detokenize(self, tokens):
        return tf.strings.reduce_join(tokens, axis=-1)


class PlainPython:
    """Characters, split by Python: it cannot run in a server."""

    def tokenize(self, strings):
        return tf.ragged.constant([list(text.decode()) for text in strings.numpy()])

    def detokenize(self, tokens):
        return tf.constant(["".join(t.decode() for t in row) for row in tokens.to_list()])


class SignMomentum(keras.optimizers.Optimizer):
    """θ ← θ − η sign(m), m ← β m + (1 − β) g."""

    def __init__(self, learning_rate=0.001, beta=0.9, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta = beta

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.momenta = [self.add_variable_from_reference(v, "momentum") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        momentum = self.momenta[self._get_variable_index(variable)]
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign(
            momentum,
            ops.add(ops.multiply(momentum, self.beta), ops.multiply(gradient, 1 - self.beta)),
        )
        self.assign_sub(variable, ops.multiply(rate, ops.sign(momentum)))

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}
