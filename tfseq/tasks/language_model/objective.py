"""What a language model learns: the next token, and to stay simple."""

import numpy as np
import tensorflow as tf

from tfseq.data.shuffled_documents import Documents
from tfseq.metrics.perplexity import bits, perplexity
from tfseq.models import LanguageModel
from tfseq.runs.objective import Objective
from tfseq.tasks.language_model.evaluation.evaluator import Evaluator
from tfseq.tasks.language_model.large_vocabulary import LargeVocabulary
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.language_model.regularization_options import PENALTIES, RegularizationOptions
from tfseq.tasks.language_model.windows import (
    batch_specs,
    longest_window,
    resetting,
    training_windows,
)
from tfseq.tasks.starting.layer_learning import layer_rates


def language_model_objective(
    model: LanguageModel,
    options: LanguageModelOptions,
    train_ids: np.ndarray,
    validation_ids: np.ndarray,
    validation_context: int | None = None,
) -> Objective:
    """Truncated back-propagation through time, on windows of T tokens.

    L = −(1 / BT) Σ log P(y_t). Learned from is L + the `penalty`, which is zero unless an option
    asks for it; what is reported is L. With sequential sampling the next window starts from the
    state that this one ended with, as a constant: the gradient is cut there. With random sampling
    it starts from zeros. Where texts are documents, sequential windows read them in another order
    each epoch; within a window, `LanguageModel` begins each from the zero state.

    Args:
        model: the language model.
        options: with no field left None that `with_defaults_filled` fills.
        train_ids: integer `[N]`.
        validation_ids: integer `[M]`; empty: no validation.
        validation_context: the id before the first of these; None takes the last of `train_ids`.

    Raises:
        InputError: too little text for one batch.
    """
    train = lambda epoch: train_ids  # noqa: E731
    if model.document_ids is not None and options.sampling == "sequential":
        documents = Documents(train_ids, model.document_ids[1])
        train = lambda epoch: documents.shuffled(options.seed, epoch)  # noqa: E731
    regularized = any(getattr(options, name) for name in PENALTIES)
    evaluator = Evaluator(model, batch_size=options.batch_size)
    if validation_context is None:
        validation_context = int(train_ids[-1])

    def loss_of_rows(batch, states, rows, drawn):
        inputs, targets = batch
        outputs, after = large.stack_outputs(inputs, states, rows)
        hidden = model.output_dropout(outputs, training=True)
        mean = large.mean_loss(hidden, targets, rows, drawn)
        result = mean, tf.size(targets), after if options.sampling == "sequential" else states
        if regularized:
            result += (mean + penalty(options, outputs, hidden, None, None),)
        return result

    def loss(batch, states):
        inputs, targets = batch
        if regularized:
            outputs, after = model.stack_outputs(inputs, states, training=True)
            hidden = model.output_dropout(outputs, training=True)
            logits = model.logits(hidden)
        else:
            logits, after = model(inputs, states=states, return_states=True, training=True)
        logits = tf.cast(logits, tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        carried = after if options.sampling == "sequential" else states
        mean = tf.reduce_mean(losses)
        result = mean, tf.size(targets), carried
        if regularized:
            result += (mean + penalty(options, outputs, hidden, logits, losses),)
        return result

    def validate() -> dict[str, float]:
        return evaluator(validation_ids, context=validation_context).metrics("validation")

    large = None
    if options.softmax != "full":
        loss = loss_of_rows
        num_targets = options.batch_size * longest_window(options)
        large = LargeVocabulary(model, options.seed, options.num_sampled, num_targets)
        if not large.tables:
            loss = lambda batch, states: loss_of_rows(batch, states, [], ())  # noqa: E731
    return Objective(
        model,
        lambda epoch, start_batch: training_windows(options, train(epoch), epoch, start_batch),
        resetting(loss) if options.state_reset else loss,
        initial_states=lambda: model.initial_states(options.batch_size),
        validate=validate if len(validation_ids) else None,
        train_metrics=lambda loss: {
            "train_loss": loss,
            "train_perplexity": perplexity(loss),
            "train_bits_per_token": bits(loss),
        },
        targets="tokens",
        independent_rows=True,
        batch_specs=batch_specs(options),
        **({"tables": large.tables, "draw": large.draw} if large else {}),
        layer_rates=layer_rates(options, model),
    )


def penalty(
    options: RegularizationOptions,
    outputs: tf.Tensor,
    hidden: tf.Tensor,
    logits: tf.Tensor,
    losses: tf.Tensor,
) -> tf.Tensor:
    """What is learned from beside the cross-entropy, a mean over the windows of a batch.

        α mean (M ⊙ H_t)² + β mean (H_{t+1} − H_t)² + ε mean (−(1/V) Σ_k log P_k − (−log P(y_t)))

    The first two keep the outputs of the last layer small, and slow (Merity et al., 2017,
    https://arxiv.org/abs/1708.01009). With the third, L is the cross-entropy with targets that are
    (1 − ε) · onehot(y_t) + ε / V (Szegedy et al., 2016, https://arxiv.org/abs/1512.00567).

    Args:
        options: α is `activation_regularization`, β `temporal_activation_regularization`, and ε
            `label_smoothing`.
        outputs: H, float `[B, T, D]`: those of the last layer.
        hidden: M ⊙ H, the same after dropout.
        logits: float32 `[B, T, V]`, made of `hidden`.
        losses: −log P(y_t), float32 `[B, T]`.
    """
    total = tf.zeros([])
    if options.activation_regularization:
        total += options.activation_regularization * _mean_square(hidden)
    if options.temporal_activation_regularization:
        total += options.temporal_activation_regularization * _mean_square(
            outputs[:, 1:] - outputs[:, :-1]
        )
    if options.label_smoothing:
        of_all = tf.reduce_logsumexp(logits, axis=-1) - tf.reduce_mean(logits, axis=-1)
        total += options.label_smoothing * tf.reduce_mean(of_all - losses)
    return total


def _mean_square(x: tf.Tensor) -> tf.Tensor:
    """The mean of the squares; 0 of no numbers at all."""
    count = x.shape.num_elements() or 1
    return tf.reduce_sum(tf.square(tf.cast(x, tf.float32))) / count
