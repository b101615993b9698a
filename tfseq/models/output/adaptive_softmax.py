"""The adaptive softmax: frequent classes by themselves, rare ones in clusters."""

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tfseq.layers.projection import project
from tfseq.models.output.fused_cross_entropy import fused_cross_entropy
from tfseq.options.rules import PositiveInt, checked

#: By what the width of each cluster is less than that of the one before.
DIVISION = 4


def usual_cutoffs(num_classes: int) -> tuple[int, ...]:
    """Where clusters begin if nobody says: at a 25th and a fifth of the classes.

    >>> usual_cutoffs(50_000)
    (2000, 10000)
    """
    first = max(1, num_classes // 25)
    return first, max(first + 1, num_classes // 5)


@keras.saving.register_keras_serializable(package="tfseq")
class AdaptiveSoftmax(keras.layers.Layer):
    r"""Log-probabilities of V classes in falling frequency, at the price of the frequent ones.

    With cutoffs c_1 < … < c_n, the head has the classes below c_1 and one class for each cluster;
    cluster i has those from c_i to c_{i+1} (the last one to V):

        log P(k) = log softmax(h W + b)_k                                       for k < c_1,
        log P(k) = log softmax(h W + b)_{c_1+i−1} + log softmax(h A_i B_i)_{k−c_i}   else,

    with W `[D, c_1 + n]`, A_i `[D, D / 4^i]` and B_i `[D / 4^i, c_{i+1} − c_i]`. It computes what
    `torch.nn.AdaptiveLogSoftmaxWithLoss(div_value=4, head_bias=True)` does.

    Args:
        size: D, what it reads.
        num_classes: V.
        cutoffs: rising integers in (0, V); None takes `usual_cutoffs`.

    Raises:
        ValueError: an argument breaks its rule.

    Source: Grave et al., 2017, https://arxiv.org/abs/1609.04309.

    Example:

    >>> layer = AdaptiveSoftmax(8, 50, cutoffs=[5, 20])
    >>> log_p = layer.log_probabilities(tf.ones([2, 8]))
    >>> log_p.shape, bool(abs(tf.reduce_sum(tf.exp(log_p[0])) - 1) < 1e-5)
    (TensorShape([2, 50]), True)
    """

    def __init__(
        self, size: int, num_classes: int, cutoffs: Sequence[int] | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.size = checked("size", size, PositiveInt)
        self.num_classes = checked("num_classes", num_classes, PositiveInt)
        self.cutoffs = checked_cutoffs(cutoffs, num_classes)
        first, *_ = self.cutoffs
        self.head_kernel = self._kernel("head_kernel", size, first + len(self.cutoffs))
        self.head_bias = self.add_weight(
            shape=(first + len(self.cutoffs),), initializer="zeros", name="head_bias"
        )
        self.projections, self.kernels = [], []
        ends = [*self.cutoffs[1:], num_classes]
        for i, (start, end) in enumerate(zip(self.cutoffs, ends, strict=True), 1):
            width = max(1, size // DIVISION**i)
            self.projections.append(self._kernel(f"projection_{i}", size, width))
            self.kernels.append(self._kernel(f"kernel_{i}", width, end - start))
        self.built = True

    def _kernel(self, name, rows, columns):
        return self.add_weight(shape=(rows, columns), initializer="glorot_uniform", name=name)

    def weights_read(self) -> tuple:
        """(W, b, [(A_i, B_i), …]), in the dtype that the layer computes in."""

        def read(weight):
            return ops.cast(weight, self.compute_dtype)

        tails = zip(self.projections, self.kernels, strict=True)
        return (
            read(self.head_kernel),
            read(self.head_bias),
            [(read(a), read(b)) for a, b in tails],
        )

    def call(self, hidden) -> Any:
        return self.log_probabilities(hidden)

    def log_probabilities(self, hidden, weights: tuple | None = None) -> Any:
        """log P of all classes: h `[…, D]` -> float32 `[…, V]`.

        Args:
            hidden: h.
            weights: the `weights_read`, where there is a loop to read them before.
        """
        kernel, bias, tails = weights or self.weights_read()
        hidden = ops.cast(hidden, self.compute_dtype)
        first = self.cutoffs[0]
        head = tf.nn.log_softmax(tf.cast(project(hidden, kernel) + bias, tf.float32))
        parts = [head[..., :first]]
        for i, (down, up) in enumerate(tails):
            tail = tf.cast(project(project(hidden, down), up), tf.float32)
            parts.append(head[..., first + i, None] + tf.nn.log_softmax(tail))
        return tf.concat(parts, -1)

    def mean_loss(self, hidden: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """−mean log P(y): h `[N, D]`, y int32 `[N]` -> float32 scalar.

        The logits of a cluster are formed for those rows alone whose target is in it, some rows at
        a time.
        """
        kernel, bias, tails = self.weights_read()
        hidden = ops.cast(hidden, self.compute_dtype)
        first = self.cutoffs[0]
        clusters = tf.add_n([tf.cast(targets >= start, tf.int32) for start in self.cutoffs])
        labels = tf.where(clusters == 0, targets, first + clusters - 1)
        head = tf.cast(project(hidden, kernel) + bias, tf.float32)
        total = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, head))
        for i, (start, (down, up)) in enumerate(zip(self.cutoffs, tails, strict=True), 1):
            total += fused_cross_entropy(
                tf.cast(project(hidden, down), tf.float32),
                tf.cast(up, tf.float32),
                targets - start,
                clusters == i,
            )
        return total / tf.cast(tf.size(targets), tf.float32)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "num_classes": self.num_classes,
            "cutoffs": self.cutoffs,
        }


def checked_cutoffs(cutoffs: Sequence[int] | None, num_classes: int) -> tuple[int, ...]:
    """The cutoffs, or the usual ones.

    Raises:
        ValueError: they do not rise, or are not within the classes.

    >>> checked_cutoffs([4, 4], 50)
    Traceback (most recent call last):
    ValueError: `cutoffs` must be rising integers from 1 to 49, one less than there are classes.
    Received: cutoffs=(4, 4).
    """
    cutoffs = usual_cutoffs(num_classes) if cutoffs is None else tuple(map(int, cutoffs))
    ends = (0, *cutoffs, num_classes)
    if not cutoffs or any(a >= b for a, b in itertools.pairwise(ends)):
        raise ValueError(
            f"`cutoffs` must be rising integers from 1 to {num_classes - 1}, one less than there "
            f"are classes. Received: cutoffs={cutoffs}."
        )
    return cutoffs
