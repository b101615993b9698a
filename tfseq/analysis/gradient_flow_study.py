"""A study of how far gradients reach back: the built-in cells, spectral radius, clipping."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfseq.analysis.gradient_flow_options import GradientFlowOptions, radii
from tfseq.analysis.gradient_norms import gradient_norms_through_time
from tfseq.cells.table import TEXTBOOK_KINDS
from tfseq.data import encode_corpus, sequential_windows
from tfseq.files.result_directory import check_free, free_path
from tfseq.models import LanguageModel
from tfseq.options.saving import normalized
from tfseq.runs.determinism import deterministic_operations
from tfseq.text import make_tokenizer, open_corpus

# A gradient that has shrunk to this share of the last step's is counted as gone.
GONE = 0.01


def prepare_gradient_flow(
    options: GradientFlowOptions, log: Callable[[str], None] = print
) -> "GradientFlowStudy":
    """The study of checked options, after all else that can be wrong has been looked at.

    Nothing is written. Raises InputError if the corpus or the result directory cannot be used.
    """
    options = normalized(options)
    path = Path(options.result_dir or free_path("gradient_flow"))
    check_free(path, "result_dir")
    tokenizer = make_tokenizer({"kind": "char", "normalization": "none", "case_fold": False})
    corpus = encode_corpus(open_corpus(options.corpus), tokenizer, max_tokens=options.max_tokens)
    ids = np.asarray(corpus.ids)
    # Raises where the text is too short.
    sequential_windows(ids, options.batch_size, options.num_steps, offset=0)
    batch = next(iter(sequential_windows(ids, options.num_rows, options.num_steps, offset=0)))
    return GradientFlowStudy(options, path, ids, len(corpus.vocabulary), batch, log)


@dataclasses.dataclass(frozen=True)
class GradientFlowStudy:
    """Models trained on a text, and the norms of their gradients through time.

    Norms are those of `gradient_norms_through_time`; an LSTM's state is the pair [h, c].

    """

    options: GradientFlowOptions
    #: Where the results are to go.
    path: Path
    #: The text.
    ids: np.ndarray
    vocabulary_size: int
    #: The windows whose gradients are measured.
    batch: Sequence[tf.Tensor]
    log: Callable[[str], None]

    def measure(self) -> dict[str, Any]:
        """Do the study: `cells`, `radii` and `clipping`, as `figures.json` holds them."""
        with deterministic_operations():
            return self._measure()

    def _measure(self):
        self.log("‖∂L_T/∂s_t‖, as a share of that of the last step")
        cells = {kind.name: self._cell(kind.name) for kind in TEXTBOOK_KINDS}
        self.log(f"\nsimple RNN: ‖∂h_T/∂h_t‖ over {self.options.num_steps - 1} steps, by radius")
        by_radius = {str(radius): self._radius(radius) for radius in radii(self.options.radii)}
        self.log("\nsimple RNN: plain gradient descent")
        return {
            "state": {kind.name: kind.state for kind in TEXTBOOK_KINDS},
            "norm": self.options.norm,
            "steps_back": list(range(self.options.num_steps)),
            "cells": cells,
            "radii": by_radius,
            "clipping": {
                "clipped": self._clipping("clipped", self.options.clip_norm),
                "unclipped": self._clipping("unclipped", None),
            },
        }

    def _cell(self, cell: str) -> dict[str, Any]:
        options, model = self.options, self._model(cell)
        start = self._norms(model)
        optimizer = keras.optimizers.Adam(options.learning_rate)
        losses, _, diverged = train(
            model, optimizer, self.ids, options, options.train_steps, options.clip_norm
        )
        trained = None if diverged else self._norms(model)
        self.log(f"{cell:<4}  at the start:   {_described_norms(start)}")
        self.log(f"      after training: {_described_norms(trained)}")
        return {"start": start, "trained": trained, "losses": losses}

    def _radius(self, radius: float) -> dict[str, Any]:
        norms = self._norms(self._model("rnn", radius))
        farthest, steps = norms["states"][0][-1], self.options.num_steps - 1
        growth = farthest ** (1 / steps) if farthest > 0 else 0.0
        what = "vanishes" if growth < 1 else "explodes"
        self.log(f"radius {radius:<4g}  {farthest:7.1e}, a factor of {growth:.3f} a step: {what}")
        return {"states": norms["states"], "loss": norms["loss"], "growth": growth}

    def _clipping(self, name: str, clip_norm: float | None) -> dict[str, Any]:
        options = self.options
        model = self._model("rnn", options.clip_radius)
        optimizer = keras.optimizers.SGD(options.clip_learning_rate)
        losses, norms, diverged = train(
            model, optimizer, self.ids, options, options.clip_steps, clip_norm
        )
        end = f"diverged at step {len(losses) + 1}" if diverged else "done"
        if losses:
            end = (
                f"largest norm {max(norms):.3g}, loss of the last steps "
                f"{np.mean(losses[-10:]):.3f} nats: {end}"
            )
        self.log(f"{name:<9}  {end}")
        return {
            "norm_before": norms,
            "norm_after": [min(norm, clip_norm or math.inf) for norm in norms],
            "losses": losses,
            "diverged": diverged,
        }

    def _model(self, cell: str, radius: float | None = None) -> LanguageModel:
        """A new model; with a radius, each W_hh is scaled to have that spectral radius."""
        options = self.options
        keras.utils.set_random_seed(options.seed)
        model = LanguageModel(
            self.vocabulary_size,
            cell=cell,
            units=options.units,
            num_layers=options.num_layers,
            embedding_size=options.embedding_size or None,
        )
        for rnn in model.stack.rnns if radius else []:
            W_hh = np.asarray(rnn.cell.recurrent_kernel)
            largest = np.abs(np.linalg.eigvals(W_hh)).max()
            rnn.cell.recurrent_kernel.assign(W_hh * (radius / largest))
        return model

    def _norms(self, model: LanguageModel) -> dict[str, list[list[float]]]:
        """By layer, then by steps back, the last step first."""
        norms = gradient_norms_through_time(model, self.batch, norm=self.options.norm)
        return {"loss": norms.loss[:, ::-1].tolist(), "states": norms.states[:, ::-1].tolist()}


def train(
    model: LanguageModel,
    optimizer: keras.optimizers.Optimizer,
    ids: np.ndarray,
    options: GradientFlowOptions,
    num_steps: int,
    clip_norm: float | None,
) -> tuple[list[float], list[float], bool]:
    """Truncated back-propagation through time, the state carried from window to window.

    Batches are those of the options' `batch_size`, `num_steps` and `seed`; `num_steps` here are
    steps of training, and a `clip_norm` of None lets every gradient through.

    Returns:
        The loss and the gradient's norm before clipping of each step, and whether training
        diverged: one of them was not finite, and there are no steps from there on.
    """
    variables = model.trainable_variables
    optimizer.build(variables)

    @tf.function(autograph=False)
    def train_step(inputs, targets, states):
        with tf.GradientTape() as tape:
            logits, states = model(inputs, states=states, return_states=True, training=True)
            logits = tf.cast(logits, tf.float32)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses)
        # An embedding's gradient has a row for each time a token was read; added up it is one.
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, variables)]
        norm = tf.linalg.global_norm(gradients)
        if clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, clip_norm, use_norm=norm)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss, norm, states

    losses, norms, diverged, epoch = [], [], False, 0
    while len(losses) < num_steps and not diverged:
        states = model.initial_states(options.batch_size)
        windows = sequential_windows(
            ids, options.batch_size, options.num_steps, seed=options.seed, epoch=epoch
        )
        for inputs, targets in windows.take(num_steps - len(losses)):
            loss, norm, states = train_step(inputs, targets, states)
            if diverged := not (math.isfinite(loss) and math.isfinite(norm)):
                break
            losses.append(float(loss))
            norms.append(float(norm))
        epoch += 1
    return losses, norms, diverged


def reach(norms: Sequence[float]) -> int | None:
    """Steps back until the norm first falls below `GONE` of the last step's; None: it does not.

    >>> reach([2.0, 1.0, 0.001]), reach([2.0, 1.0])
    (2, None)
    """
    return next((n for n, norm in enumerate(norms) if norm < GONE * norms[0]), None)


def _described_norms(norms: dict[str, list] | None) -> str:
    if norms is None:
        return "diverged"
    top = norms["loss"][-1]
    steps = reach(top)
    below = f"never below {GONE:.0%}" if steps is None else f"below {GONE:.0%} at {steps}"
    return f"{below}, {top[-1] / top[0]:.1e} at {len(top) - 1} steps back"
