"""One label for a text: token ids in, logits of the labels out."""

from typing import Any

import keras
from keras import ops

from tfseq.models.token_encoder import TokenEncoder
from tfseq.options.rules import PositiveInt, checked


@keras.saving.register_keras_serializable(package="tfseq")
class TextClassifier(TokenEncoder):
    r"""P(label | x_1, ..., x_T) by a bidirectional stack of recurrent layers.

    H_t = the output of the stack at step t;
    m = max_t H_t,  a = (1 / T) Σ_t H_t,  both of the real steps alone, zero where there is none;
    O = [m, a] W + b;  P(label = k | x) = softmax(O)_k.

    Args:
        num_labels: positive integer, K. The others, and those of a call: see `TokenEncoder`.

    Returns:
        Logits, float32 `[B, K]`. Padding changes nothing in them.

    Example:

    >>> import numpy as np
    >>> model = TextClassifier(28, num_labels=3, units=8)
    >>> a = model(np.array([[5, 6], [7, -1]]))
    >>> b = model(np.array([[7]]))
    >>> tuple(a.shape), bool(abs(a[1] - b[0]).numpy().max() < 1e-6)
    ((2, 3), True)
    """

    def __init__(self, vocabulary_size: int, num_labels: int, *arguments, **kwargs):
        super().__init__(vocabulary_size, *arguments, **kwargs)
        self.num_labels = checked("num_labels", num_labels, PositiveInt)
        self.classify = keras.layers.Dense(self.num_labels, dtype=self.dtype_policy, name="labels")
        self.classify.build((None, 2 * self.stack.output_size))

    def call(self, ids, training=None) -> Any:
        outputs, mask = self.encode(ids, training=training)
        mask = ops.expand_dims(mask, -1)
        # In 16 bits, lengths are counted up to 256.
        outputs = ops.cast(outputs, keras.backend.result_type(outputs.dtype, "float32"))
        lengths = ops.sum(ops.cast(mask, outputs.dtype), axis=1)
        mean = ops.sum(outputs, axis=1) / ops.maximum(lengths, 1)
        # Below whatever a step can hold, and finite, so that a text of no steps has no NaN.
        low = ops.cast(-1e4, outputs.dtype)
        highest = ops.max(ops.where(mask, outputs, low), axis=1, initial=-1e4)
        highest = ops.where(lengths > 0, highest, ops.zeros_like(highest))
        return ops.cast(self.classify(ops.concatenate([highest, mean], axis=-1)), "float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_labels": self.num_labels}
