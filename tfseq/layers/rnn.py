"""A cell run over a sequence."""

import keras


@keras.saving.register_keras_serializable(package="tfseq")
class RNN(keras.layers.RNN):
    """Runs any Keras cell over the time axis; takes what `keras.layers.RNN` takes."""
