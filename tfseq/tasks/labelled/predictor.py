"""What a model makes of many sequences, in their order."""

import keras
import numpy as np
import tensorflow as tf

from tfseq.data.labelled.labelled_batches import length_batches


class Predictor:
    """Runs a model without dropout, again and again, with one traced graph.

    Args:
        model: takes ids int32 `[B, T]`, padded with −1, and gives logits `[B, K]` or `[B, T, K]`.
        batch_size: sequences at once.

    Example:

    >>> from tfseq.models import TextClassifier
    >>> ids = tf.ragged.constant([[1, 2, 3], [], [4]], dtype=tf.int32)
    >>> Predictor(TextClassifier(5, num_labels=2, units=3))(ids).shape
    (3, 2)
    """

    def __init__(self, model: keras.Model, batch_size: int = 128):
        self.batch_size = batch_size
        self._forward = tf.function(
            lambda ids: model(ids, training=False),
            input_signature=[tf.TensorSpec([None, None], tf.int32)],
            autograph=False,
        )

    def __call__(self, ids: tf.RaggedTensor) -> np.ndarray:
        """Logits float32 `[N, K]`, or where a model tags tokens `[tokens, K]`, row after row."""
        starts = ids.row_splits.numpy()
        numbers = tf.range(ids.nrows(out_type=tf.int32))
        result = None
        for rows, examples, _ in length_batches(ids, numbers, self.batch_size, seed=None):
            logits = self._forward(rows).numpy()
            of_tokens = logits.ndim == 3
            if result is None:
                count = starts[-1] if of_tokens else len(starts) - 1
                result = np.zeros([count, logits.shape[-1]], "float32")
            for row, example in enumerate(examples.numpy()):
                if of_tokens:
                    begin, end = starts[example], starts[example + 1]
                    result[begin:end] = logits[row, : end - begin]
                else:
                    result[example] = logits[row]
        return result


def mean_cross_entropy(logits: np.ndarray, targets: np.ndarray) -> float:
    """−mean log softmax(logits)_target, in nats.

    >>> round(mean_cross_entropy(np.zeros([3, 4], "float32"), np.array([0, 1, 2])), 4)
    1.3863
    """
    logits = logits.astype("float64")
    logits = logits - logits.max(axis=1, keepdims=True)
    log_z = np.log(np.exp(logits).sum(axis=1))
    return float(np.mean(log_z - logits[np.arange(len(targets)), targets]))
