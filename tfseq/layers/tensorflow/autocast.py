"""Variables read as they are stored."""

import keras


def without_autocast(function):
    """`function()`, called where variables have the dtype that they are stored in.

    Inside a layer of mixed precision every variable is read in the layer's compute dtype, those
    of a cell with another dtype included.

    Example:

    >>> import keras
    >>> class Reading(keras.layers.Layer):
    ...     def build(self, shape):
    ...         self.scale = self.add_weight(shape=())
    ...
    ...     def call(self, x):
    ...         print(self.scale.dtype, without_autocast(lambda: self.scale.dtype))
    ...         return x
    >>> _ = Reading(dtype="mixed_bfloat16")(keras.ops.zeros([1]))
    bfloat16 float32
    """
    results, errors = [], []

    def call():
        try:
            results.append(function())
        except Exception as error:
            # Raised from here, as it is: Keras would add the arguments of a layer to it.
            errors.append(error)

    _Calling(call)(keras.ops.zeros(()))
    if errors:
        raise errors[0]
    return results[0]


class _Calling(keras.layers.Layer):
    def __init__(self, function):
        # A root scope's name must not begin with "_", as the class's does.
        super().__init__(autocast=False, name="without_autocast")
        self._function = function

    def call(self, inputs):
        self._function()
        return inputs
