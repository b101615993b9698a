"""A study of how far gradients reach back: three cells, spectral radius, clipping."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfseq.analysis.gradient_flow_options import GradientFlowOptions, radii
from tfseq.analysis.gradient_norms import gradient_norms_through_time
from tfseq.cells.table import KINDS
from tfseq.data import encode_corpus, sequential_windows
from tfseq.files.result_directory import check_free, free_path
from tfseq.models import LanguageModel
from tfseq.options.saving import normalized
from tfseq.runs.trainer import DivergenceError
from tfseq.tasks.language_model.options import TrainingOptions
from tfseq.tasks.language_model.trainer import Trainer
from tfseq.text import make_tokenizer, open_corpus

CELLS = tuple(kind.name for kind in KINDS)
# A gradient that has shrunk to this share of the last step's is counted as gone.
GONE = 0.01


class GradientFlow:
    """The study: all that can be wrong has been looked at.

    Norms are those of `gradient_norms_through_time`; an LSTM's state is the pair [h, c].

    Args:
        options: the options, checked (`tfseq.options.rules.check_options`).
        log: where messages go, one line each.

    Raises:
        InputError: the corpus or the result directory cannot be used. Nothing has been written.
    """

    def __init__(self, options: GradientFlowOptions, log: Callable[[str], None] = print):
        options = normalized(options)
        self.options, self.log = options, log
        directory = options.result_dir
        self.path = Path(directory) if directory else free_path("gradient_flow")
        check_free(self.path, "result_dir")
        tf.config.experimental.enable_op_determinism()
        tokenizer = make_tokenizer({"kind": "char", "normalization": "none", "case_fold": False})
        corpus = encode_corpus(
            open_corpus(options.corpus), tokenizer, max_tokens=options.max_tokens
        )
        self.ids, self.vocabulary_size = np.asarray(corpus.ids), len(corpus.vocabulary)
        # Raises where the text is too short.
        sequential_windows(self.ids, options.batch_size, options.num_steps, offset=0)
        windows = sequential_windows(self.ids, options.num_rows, options.num_steps, offset=0)
        self._batch = next(iter(windows))

    def figures(self) -> dict[str, Any]:
        """Do the study: `cells`, `radii` and `clipping`, as `figures.json` holds them."""
        self.log("‖∂L_T/∂s_t‖, as a share of that of the last step")
        cells = {cell: self._cell(cell) for cell in CELLS}
        self.log(f"\nsimple RNN: ‖∂h_T/∂h_t‖ over {self.options.num_steps - 1} steps, by radius")
        found = {str(radius): self._radius(radius) for radius in radii(self.options.radii)}
        self.log("\nsimple RNN: plain gradient descent")
        return {
            "state": {kind.name: kind.state for kind in KINDS},
            "norm": self.options.norm,
            "steps_back": list(range(self.options.num_steps)),
            "cells": cells,
            "radii": found,
            "clipping": self._clipping(),
        }

    def _cell(self, cell: str) -> dict[str, Any]:
        options = self.options
        model = self._model(cell)
        start = self._norms(model)
        steps, diverged = self._train(
            model, "adam", options.train_steps, options.learning_rate, options.clip_norm
        )
        trained = None if diverged else self._norms(model)
        losses = [step["loss"] for step in steps]
        self.log(_describe_cell(cell, start, trained))
        return {"start": start, "trained": trained, "losses": losses}

    def _radius(self, radius: float) -> dict[str, Any]:
        model = self._model("rnn")
        for rnn in model.stack.rnns:
            _scale_to_radius(rnn.cell.recurrent_kernel, radius)
        norms = self._norms(model)
        farthest, steps = norms["states"][0][-1], self.options.num_steps - 1
        growth = farthest ** (1 / steps) if farthest > 0 else 0.0
        what = "vanishes" if growth < 1 else "explodes"
        self.log(f"radius {radius:<4g}  {farthest:7.1e}, a factor of {growth:.3f} a step: {what}")
        return {"states": norms["states"], "loss": norms["loss"], "growth": growth}

    def _clipping(self) -> dict[str, Any]:
        options, found = self.options, {}
        for name, clip in (("clipped", options.clip_norm), ("unclipped", None)):
            model = self._model("rnn")
            for rnn in model.stack.rnns:
                _scale_to_radius(rnn.cell.recurrent_kernel, options.clip_radius)
            steps, diverged = self._train(
                model, "sgd", options.clip_steps, options.clip_learning_rate, clip
            )
            before = [step["gradient_norm"] for step in steps]
            found[name] = {
                "norm_before": before,
                "norm_after": [min(norm, clip or math.inf) for norm in before],
                "losses": [step["loss"] for step in steps],
                "diverged": diverged,
            }
            self.log(_describe_clipping(name, found[name]))
        return found

    def _model(self, cell: str) -> LanguageModel:
        options = self.options
        keras.utils.set_random_seed(options.seed)
        return LanguageModel(
            self.vocabulary_size,
            cell=cell,
            units=options.units,
            num_layers=options.num_layers,
            embedding_size=options.embedding_size or None,
        )

    def _norms(self, model: LanguageModel) -> dict[str, list[list[float]]]:
        """By layer, then by steps back, the last step first."""
        norms = gradient_norms_through_time(model, self._batch, norm=self.options.norm)
        return {
            "loss": norms.loss[:, ::-1].tolist(),
            "states": norms.states[:, ::-1].tolist(),
        }

    def _train(
        self,
        model: LanguageModel,
        optimizer: str,
        num_steps: int,
        learning_rate: float,
        clip_norm: float | None,
    ) -> tuple[list[dict[str, float]], bool]:
        """The figures of so many steps, and whether the run diverged before their end."""
        options = TrainingOptions(
            optimizer=optimizer,
            learning_rate=learning_rate,
            learning_rate_decay=1.0,
            clip_norm=clip_norm,
            batch_size=self.options.batch_size,
            num_steps=self.options.num_steps,
            seed=self.options.seed,
        )
        trainer = Trainer(model, options.with_defaults_filled(), self.ids, self.ids[:0])
        steps = []
        try:
            while len(steps) < num_steps:
                for figures in trainer.train_epoch():
                    steps.append(figures)
                    if len(steps) == num_steps:
                        break
        except DivergenceError:
            return steps, True
        return steps, False


def reach(norms: list[float]) -> int | None:
    """Steps back until the norm first falls below `GONE` of the last step's; None: it does not.

    >>> reach([2.0, 1.0, 0.001]), reach([2.0, 1.0])
    (2, None)
    """
    return next((n for n, norm in enumerate(norms) if norm < GONE * norms[0]), None)


def _scale_to_radius(kernel: keras.Variable, radius: float) -> None:
    """Multiply W_hh so that its largest eigenvalue has the absolute value `radius`."""
    W_hh = np.asarray(kernel)
    kernel.assign(W_hh * (radius / np.abs(np.linalg.eigvals(W_hh)).max()))


def _describe_cell(cell: str, start: dict, trained: dict | None) -> str:
    def told(norms):
        if norms is None:
            return "diverged"
        top = norms["loss"][-1]
        steps, back = reach(top), len(top) - 1
        below = f"never below {GONE:.0%}" if steps is None else f"below {GONE:.0%} at {steps}"
        return f"{below}, {top[-1] / top[0]:.1e} at {back} steps back"

    return f"{cell:<4}  at the start:   {told(start)}\n      after training: {told(trained)}"


def _describe_clipping(name: str, found: dict[str, Any]) -> str:
    if not found["losses"]:
        return f"{name:<9}  " + ("diverged at the first step" if found["diverged"] else "no steps")
    last = np.mean(found["losses"][-10:])
    end = f"diverged at step {len(found['losses']) + 1}" if found["diverged"] else "done"
    return (
        f"{name:<9}  largest norm {max(found['norm_before']):.3g}, loss of the last steps "
        f"{last:.3f} nats: {end}"
    )
