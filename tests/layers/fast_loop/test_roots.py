"""Which roots XLA may take: those of squares and a constant, which no rounding makes negative."""

import pytest
import tensorflow as tf

from tfseq.layers.tensorflow.compiled import can_compile


def variance_of(x):
    return tf.reduce_mean(tf.square(x - tf.reduce_mean(x, -1, keepdims=True)), -1, keepdims=True)


CASES = {
    "of a variance": (lambda x: x * tf.math.rsqrt(variance_of(x) + 1e-5), True),
    "of a variance, divided by": (lambda x: x / tf.sqrt(1e-3 + variance_of(x)), True),
    "of moments": (lambda x: tf.math.rsqrt(tf.nn.moments(x, [-1])[1] + 1e-6), True),
    "of a sum of squares": (lambda x: tf.sqrt(tf.reduce_sum(tf.square(x), -1) + 1e-5), True),
    "without a constant": (lambda x: tf.sqrt(variance_of(x)), False),
    "with one of hardly anything": (lambda x: tf.math.rsqrt(variance_of(x) + 1e-12), False),
    "of a difference": (
        lambda x: tf.sqrt(tf.reduce_mean(tf.square(x)) - tf.square(tf.reduce_mean(x)) + 1e-5),
        False,
    ),
    "of what may be negative": (lambda x: tf.math.rsqrt(x + 1e-5), False),
}


@pytest.mark.parametrize("name", CASES)
def test_roots_and_their_gradients(name):
    function, expected = CASES[name]

    def run(x):
        y = function(x)
        return y, tf.gradients(y, x)

    graph = tf.function(run, autograph=False).get_concrete_function(tf.TensorSpec([2, 3])).graph
    roots = [o for o in graph.get_operations() if "qrt" in o.type]
    assert len(roots) == 2
    assert [can_compile([root]) for root in roots] == [expected] * 2
