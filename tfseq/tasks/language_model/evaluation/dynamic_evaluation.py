"""A model that goes on learning from the text it is measured on."""

import contextlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfseq.data import evaluation_windows, num_batches, sequential_windows
from tfseq.errors import InputError
from tfseq.layers.tensorflow.whole_step import compiled_whole
from tfseq.models import LanguageModel
from tfseq.runs.mixed_precision import computing_in_float32
from tfseq.tasks.language_model.evaluation.evaluator import Evaluation

# The statistics of the gradient: so many segments side by side, and so many batches at most.
STATISTICS_ROWS = 100
MAX_STATISTICS_BATCHES = 500
# Segments that one call of a compiled function reads, one after the other.
_SEGMENTS_OF_A_CALL = 64


class DynamicEvaluator:
    """Measures a model that learns from each segment after it has predicted it.

    With θ_g the trained weights, g the gradient of the mean loss of a segment, and m the root mean
    square of the gradient over the training text, weight by weight:

        θ ← θ − η g / (m + ε) + min(λ m / mean(m), 1) (θ_g − θ)

    The text is one row, read from the zero state, which is carried along; there is no dropout. The
    weights that change are copies: those of the model stay as they are.

    Args:
        model: the language model.
        train_ids: the text that it was trained on, integers `[N]`, at least 2.
        segment_tokens: tokens of a segment.

    Source: Krause et al., Dynamic Evaluation of Neural Sequence Models, ICML 2018,
    https://arxiv.org/abs/1709.07432, "RMS with RMS decay".

    Example:

    >>> model = LanguageModel(8, units=4)
    >>> text = np.arange(400) % 7
    >>> dynamic = DynamicEvaluator(model, text[:300], segment_tokens=5)
    >>> still = dynamic(text[300:], learning_rate=0.0, decay=0.0, epsilon=1e-5)
    >>> learning = dynamic(text[300:], learning_rate=1e-3, decay=0.0, epsilon=1e-5)
    >>> learning.perplexity < still.perplexity
    True
    """

    def __init__(self, model: LanguageModel, train_ids: np.ndarray, segment_tokens: int):
        self.model, self.segment_tokens = model, segment_tokens
        self._variables = model.trainable_variables
        self._read = _by_xla_if_possible(self._read_segments)
        self.gradient_rms = self._measure_gradients(train_ids)

    def __call__(
        self,
        ids: np.ndarray,
        context: int | None = None,
        *,
        learning_rate: float,
        decay: float,
        epsilon: float,
    ) -> Evaluation:
        """Predict every id once, in order; see `Evaluator` and `DynamicSettings`."""
        trained = list(map(tf.convert_to_tensor, self._variables))
        mean_rms = sum(float(tf.reduce_sum(m)) for m in self.gradient_rms)
        mean_rms /= sum(m.shape.num_elements() for m in self.gradient_rms)
        rates = [learning_rate / (m + epsilon) for m in self.gradient_rms]
        pulls = [tf.minimum(decay * m / max(mean_rms, 1e-30), 1.0) for m in self.gradient_rms]
        steps = self.segment_tokens * _SEGMENTS_OF_A_CALL
        weights, states = trained, self.model.initial_states(1)
        total, count = 0.0, 0
        for batch in evaluation_windows(ids, 1, steps, context=context):
            segments = [tf.reshape(part, [-1, 1, self.segment_tokens]) for part in batch]
            weights, states, loss = self._read(segments, weights, states, trained, rates, pulls)
            total += float(loss)
            count += int(tf.reduce_sum(batch[2]))
        return Evaluation(total / count, count)

    def _measure_gradients(self, ids) -> list[tf.Tensor]:
        """√(Σ_k g_k² / K), g_k being the gradient of the mean loss of batch k of segments."""
        if len(ids) < 2:
            raise InputError("Dynamic evaluation needs a training text of at least 2 tokens.")
        steps = min(self.segment_tokens, len(ids) - 1)
        rows = max(1, min(STATISTICS_ROWS, (len(ids) - 1) // steps))
        weights = list(map(tf.convert_to_tensor, self._variables))
        counting = tf.ones([rows, steps])

        def add(squares, batch, states):
            _, gradients, states = self._gradients(weights, *batch, counting, states)
            return [s + g * g for s, g in zip(squares, gradients, strict=True)], states

        add = _by_xla_if_possible(add)
        squares, states = list(map(tf.zeros_like, weights)), self.model.initial_states(rows)
        number = min(num_batches(len(ids), rows, steps), MAX_STATISTICS_BATCHES)
        for batch in sequential_windows(ids, rows, steps, offset=0).take(number):
            squares, states = add(squares, batch, states)
        return [tf.sqrt(s / number) for s in squares]

    def _read_segments(self, segments, weights, states, trained, rates, pulls):
        """(inputs, targets, which count), each `[S, 1, T]`, -> weights, states, total loss."""

        def step(place, weights, states, total):
            inputs, targets, counting = (part[place] for part in segments)
            loss, gradients, states = self._gradients(weights, inputs, targets, counting, states)
            weights = [
                w - rate * g + pull * (t - w)
                for w, g, t, rate, pull in zip(
                    weights, gradients, trained, rates, pulls, strict=True
                )
            ]
            number = tf.reduce_sum(counting)
            return place + 1, weights, states, total + tf.cast(loss * number, tf.float64)

        start = (0, weights, states, tf.zeros([], tf.float64))
        number = segments[0].shape[0]
        _, weights, states, total = tf.while_loop(lambda place, *_: place < number, step, start)
        return weights, states, total

    def _gradients(self, weights, inputs, targets, counting, states):
        """The mean loss of segments, its gradient by each weight, and the states after them."""
        values = zip(self._variables, weights, strict=True)
        with (
            computing_in_float32(self.model),
            keras.StatelessScope(values),
            tf.GradientTape() as tape,
        ):
            tape.watch(weights)
            logits, after = self.model(inputs, states=states, return_states=True, training=False)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                targets, tf.cast(logits, tf.float32)
            )
            loss = tf.math.divide_no_nan(tf.reduce_sum(losses * counting), tf.reduce_sum(counting))
        gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
        after = tf.nest.map_structure(lambda a, b: tf.cast(a, b.dtype), after, states)
        return loss, list(map(tf.convert_to_tensor, gradients)), after


def _by_xla_if_possible(function: Callable) -> Callable:
    """`function`, compiled by XLA for a CPU; as a graph on a GPU, or if XLA lacks an operation."""

    def compiled(*arguments: Any) -> Any:
        with compiled_whole():
            return function(*arguments)

    run = (
        None
        if tf.config.get_visible_devices("GPU")
        else (tf.function(compiled, jit_compile=True, autograph=False))
    )

    def call(*arguments: Any) -> Any:
        nonlocal run
        if run is not None:
            with contextlib.suppress(tf.errors.OpError):
                return run(*arguments)
        run = tf.function(function, autograph=False)
        return run(*arguments)

    return call
