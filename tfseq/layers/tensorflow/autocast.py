"""Variables read as they are stored."""

import keras


def without_autocast(function):
    """`function()`, called where variables have the dtype that they are stored in.

    Inside a layer of mixed precision every variable is read in the layer's compute dtype, those
    of a cell with another dtype included.
    """
    found = {}

    def call():
        try:
            found["result"] = function()
        except Exception as error:
            # Raised below, as it is: Keras would add the arguments of a layer to it.
            found["error"] = error

    _Calling(call)(keras.ops.zeros(()))
    if "error" in found:
        raise found["error"]
    return found["result"]


class _Calling(keras.layers.Layer):
    def __init__(self, function):
        # A root scope's name must not begin with "_", as the class's does.
        super().__init__(autocast=False, name="without_autocast")
        self._function = function

    def call(self, inputs):
        self._function()
        return inputs
