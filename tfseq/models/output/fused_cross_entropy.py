"""Cross-entropy over many classes, of some rows at a time: logits of all are never in memory."""

import tensorflow as tf

from tfseq.layers.tensorflow.ahead import sizes
from tfseq.layers.tensorflow.whole_step import product, transposed_product

# Rows whose logits are in memory at once.
_ROWS = 64


def fused_cross_entropy(
    hidden: tf.Tensor, kernel: tf.Tensor, targets: tf.Tensor, counting: tf.Tensor
) -> tf.Tensor:
    """Σ_n (log Σ_k exp(h_n · w_k) − h_n · w_{y_n}) over the rows n that count.

    The gradient is formed with the loss, a chunk of rows after another, so that logits and their
    gradient are those of one chunk. Rows that do not count cost nothing but their place: those that
    do are put together before the loop.

    Args:
        hidden: h, float32 `[N, D]`.
        kernel: w, float32 `[D, K]`.
        targets: y, int32 `[N]`, each in [0, K) where it counts.
        counting: bool `[N]`.

    Returns:
        float32 scalar. It has a gradient for `hidden` and `kernel`.

    Source: the way of Liger Kernel's fused linear cross-entropy, Hsu et al., 2024,
    https://arxiv.org/abs/2410.10989.

    >>> h, w = tf.constant([[1.0], [2.0]]), tf.constant([[0.0, 1.0]])
    >>> loss = fused_cross_entropy(h, w, tf.constant([1, 0]), tf.constant([False, True]))
    >>> bool(abs(loss - tf.reduce_logsumexp([0.0, 2.0])) < 1e-6)
    True
    """
    num_rows = sizes(hidden)[0]
    chunk = min(_ROWS, num_rows) if isinstance(num_rows, int) else _ROWS
    most_chunks = -(-num_rows // chunk)
    padding = most_chunks * chunk - num_rows
    width = hidden.shape[1]

    @tf.custom_gradient
    def run(hidden, kernel):
        # Those that count come first, then the others, up to a whole number of chunks.
        order = tf.argsort(tf.cast(~counting, tf.int32), stable=True)
        count = tf.reduce_sum(tf.cast(counting, tf.int32))
        rows = tf.pad(tf.gather(hidden, order), [[0, padding], [0, 0]])
        labels = tf.pad(tf.gather(tf.where(counting, targets, 0), order), [[0, padding]])

        def body(i, total, d_rows, d_kernel):
            h = tf.slice(rows, [i * chunk, 0], [chunk, width])
            y = tf.slice(labels, [i * chunk], [chunk])
            counts = tf.cast(i * chunk + tf.range(chunk) < count, tf.float32)
            losses, d_logits = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(
                features=product(h, kernel), labels=y
            )
            d_logits *= counts[:, None]
            d_rows = d_rows.write(i, product(d_logits, kernel, transpose_b=True))
            d_kernel += transposed_product(h, d_logits)
            return i + 1, total + tf.reduce_sum(losses * counts), d_rows, d_kernel

        d_rows = tf.TensorArray(
            tf.float32, most_chunks, element_shape=[chunk, width], infer_shape=False
        )
        _, total, d_rows, d_kernel = tf.while_loop(
            lambda i, *_: i * chunk < count,
            body,
            (0, tf.zeros([]), d_rows, tf.zeros_like(kernel)),
        )
        d_hidden = tf.reshape(d_rows.stack(), [-1, width])
        d_hidden = tf.gather(d_hidden, tf.argsort(order))

        def gradient(d):
            return d * d_hidden, d * d_kernel

        return total, gradient

    return run(hidden, kernel)
