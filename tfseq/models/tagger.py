"""One label for each token: token ids in, logits of the tags out."""

from typing import Any

import keras
from keras import ops

from tfseq.models.token_encoder import TokenEncoder
from tfseq.options.rules import PositiveInt, checked


@keras.saving.register_keras_serializable(package="tfseq")
class Tagger(TokenEncoder):
    r"""P(y_t | x_1, ..., x_T) for each step, by a bidirectional stack of recurrent layers.

    H_t = the output of the stack at step t;
    O_t = H_t W + b;  P(y_t = k | x) = softmax(O_t)_k.

    Args:
        num_tags: positive integer, K. The others, and those of a call: see `TokenEncoder`.

    Returns:
        Logits, float32 `[B, T, K]`. Padding changes nothing in those of real tokens.

    Example:

    >>> import numpy as np
    >>> model = Tagger(28, num_tags=3, units=8)
    >>> a = model(np.array([[5, 6], [7, -1]]))
    >>> b = model(np.array([[7]]))
    >>> tuple(a.shape), bool(abs(a[1, 0] - b[0, 0]).numpy().max() < 1e-6)
    ((2, 2, 3), True)
    """

    def __init__(self, vocabulary_size: int, num_tags: int, *arguments, **kwargs):
        super().__init__(vocabulary_size, *arguments, **kwargs)
        self.num_tags = checked("num_tags", num_tags, PositiveInt)
        self.tag = keras.layers.Dense(self.num_tags, dtype=self.dtype_policy, name="tags")
        self.tag.build((None, None, self.stack.output_size))

    def call(self, ids, training=None) -> Any:
        outputs, _ = self.encode(ids, training=training)
        return ops.cast(self.tag(outputs), "float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_tags": self.num_tags}
