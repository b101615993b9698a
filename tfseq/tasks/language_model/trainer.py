"""Truncated back-propagation through time, checkpointed so that a run resumes to the same bits."""

import numpy as np
import tensorflow as tf

from tfseq.data import num_batches, random_windows, sequential_windows
from tfseq.metrics.perplexity import bits, perplexity
from tfseq.models import LanguageModel
from tfseq.runs.trainer import (
    CheckpointedTrainer,
    DivergenceError,
    Progress,
    StepResult,
    make_optimizer,
)
from tfseq.tasks.language_model.evaluation import Evaluator
from tfseq.tasks.language_model.options import TrainingOptions

__all__ = ["WINDOWS", "DivergenceError", "Progress", "Trainer", "make_optimizer"]

WINDOWS = {"random": random_windows, "sequential": sequential_windows}


class Trainer(CheckpointedTrainer):
    """Trains a language model, one step after another, from wherever it stands.

    A step, on a window of T tokens, with the state H carried or zero:
        L = −(1 / BT) Σ log P(y_t);  g = ∂L/∂θ;  g ← g · min(1, clip / ‖g‖);  θ ← update(θ, g).
    With sequential sampling the next window starts from the state that this one ended with, as
    a constant: the gradient is cut there (truncated BPTT). With random sampling it starts from
    zeros.

    The order of windows is a function of (seed, epoch); everything else that a step depends on
    is in `checkpoint()`, the carried state too.

    Args:
        model: the language model, built.
        options: with no field left None that `with_defaults_filled` fills.
        train_ids: integer `[N]`.
        validation_ids: integer `[M]`; empty: no validation, no early stopping.

    Raises:
        InputError: too little text for one batch.
    """

    def __init__(
        self,
        model: LanguageModel,
        options: TrainingOptions,
        train_ids: np.ndarray,
        validation_ids: np.ndarray,
    ):
        # The number of steps in an epoch varies by one with its offset. The schedule takes the
        # most there can be, so that it does not depend on chance.
        steps = num_batches(len(train_ids), options.batch_size, options.num_steps)
        super().__init__(model, options, make_optimizer(options, max(steps, 1)))
        self.train_ids = train_ids
        self.validation_ids = validation_ids
        self.states = model.initial_states(options.batch_size)
        self.steps_in_epoch(0)  # Raises where the text is too short for one batch.
        self._evaluate = Evaluator(model, batch_size=options.batch_size)
        self._train_step = tf.function(self._step, autograph=False)

    def steps_in_epoch(self, epoch: int) -> int:
        """How many steps an epoch has."""
        return int(self._batches(epoch, 0).cardinality())

    def _batches(self, epoch: int, start_batch: int) -> tf.data.Dataset:
        options = self.options
        return WINDOWS[options.sampling](
            self.train_ids,
            options.batch_size,
            options.num_steps,
            seed=options.seed,
            epoch=epoch,
            start_batch=start_batch,
        )

    def _run_step(self, batch) -> StepResult:
        inputs, targets = batch
        loss, norm, states = self._train_step(inputs, targets, self.states)
        if self.options.sampling == "sequential":
            self.states = states
        return StepResult(float(loss), float(norm), int(tf.size(inputs)))

    def _step(self, inputs, targets, states):
        with tf.GradientTape() as tape:
            logits, states = self.model(inputs, states=states, return_states=True, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                targets, tf.cast(logits, tf.float32)
            )
            loss = tf.reduce_mean(losses)
        return loss, self._apply_gradients(tape, loss), states

    def _step_figures(self) -> dict[str, float]:
        return {"perplexity": perplexity(self.progress.loss_sum / self.progress.num_tokens)}

    def _training_figures(self, loss: float) -> dict[str, float]:
        return {
            "train_loss": loss,
            "train_perplexity": perplexity(loss),
            "train_bits_per_token": bits(loss),
        }

    def _validate(self) -> tuple[float, dict[str, float]] | None:
        if not len(self.validation_ids):
            return None
        validation = self._evaluate(self.validation_ids, context=int(self.train_ids[-1]))
        return validation.mean_cross_entropy, {
            "validation_loss": validation.mean_cross_entropy,
            "validation_perplexity": validation.perplexity,
            "validation_bits_per_token": validation.bits_per_token,
        }

    def _begin_epoch(self) -> None:
        self.states = self.model.initial_states(self.options.batch_size)

    def _more_arrays(self) -> dict[str, list]:
        return {"state": tf.nest.flatten(self.states)}

    def _restore_more(self, arrays: dict[str, np.ndarray]) -> None:
        flat = tf.nest.flatten(self.states)
        flat = [tf.cast(arrays[f"state/{i}"], s.dtype) for i, s in enumerate(flat)]
        self.states = tf.nest.pack_sequence_as(self.states, flat)
