"""The gradients of a training step: of a batch, or of pieces of it one by one."""

import contextlib
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseq.layers.tensorflow.dropout_mask import rows_from
from tfseq.layers.tensorflow.whole_step import compiled_whole
from tfseq.runs.mixed_precision import computing_in_float32
from tfseq.runs.objective import Objective
from tfseq.runs.row_gradients import rows_of
from tfseq.runs.workers.pieces import Piece
from tfseq.runs.workers.workers import Workers


class Part(NamedTuple):
    """What a part of a batch gives.

    Attributes:
        loss: the mean over its targets.
        num_targets: how many there are.
        states: those that it ends with.
        gradients: of each trainable variable: a tensor, `Rows`, or None where there is none.
        others: the values that the other variables end with, those that are written.
    """

    loss: tf.Tensor
    num_targets: tf.Tensor
    states: Any
    gradients: list[Any]
    others: list[tf.Tensor]


class Gradients:
    """What a batch, or pieces of it, give at the present values of a model's variables.

    Args:
        objective: what is to be learned.
        workers: with whom the batches are shared.

    Attributes:
        weights: the trainable variables.
        others: the other variables.
        written: those of the others that a step writes; noted before pieces are taken.
        of_tables: `id` of a variable -> its number among the tables of the objective.
    """

    def __init__(self, objective: Objective, workers: Workers):
        self._objective, self._workers = objective, workers
        model = objective.model
        self.weights = model.trainable_variables
        trainable = {id(v) for v in self.weights}
        self.others = [v for v in model.variables if id(v) not in trainable]
        self.written: list[keras.Variable] = []
        self.of_tables = {id(t.variable): i for i, t in enumerate(objective.tables)}

    def note_written(self, written: set[int]) -> None:
        """Note the `id`s of the variables that a step writes."""
        self.written = [v for v in self.others if id(v) in written]

    def of_pieces(
        self, batch, states, rows, drawn, pieces: Sequence[Piece | None], by_xla: bool = True
    ) -> list[Part]:
        """What pieces of a batch give; each is a function, which XLA compiles where asked to."""
        weights = self._values(rows)
        others = list(map(tf.convert_to_tensor, self.others))

        # Of the parts alone: whatever else differs between them, XLA compiles twice.
        @tf.function(jit_compile=by_xla or None, autograph=False)
        def gradients(batch, states, own, others, *first):
            of_part = [r._replace(own=places) for r, places in zip(rows, own, strict=True)]
            with rows_from(*first) if first else contextlib.nullcontext():
                return self._of_part(batch, states, of_part, drawn, weights, others, by_xla)

        def seeded(values, variables, part):
            """Another number of each seed: no two parts have the same dropout masks."""
            step = tf.constant([part << 32, 0], tf.int64)
            pairs = zip(variables, values, strict=True)
            return [value + step if part and is_seed(v) else value for v, value in pairs]

        parts = []
        for piece in pieces:
            taken = self._cut(batch, states, rows, piece)
            seeds = seeded(others, self.others, piece.part if piece else 0)
            first = [] if piece is None or piece.first is None else [tf.constant(piece.first)]
            with tf.device(piece.device) if piece and piece.device else contextlib.nullcontext():
                parts.append(gradients(*taken, seeds, *first))
        written = seeded(parts[0].others, self.written, -pieces[0].part if pieces[0] else 0)
        for variable, value in zip(self.written, written, strict=True):
            variable.assign(value)
        return parts

    def _cut(self, batch, states, rows, piece) -> tuple:
        """The rows of a piece: of a batch, of states, and of what is read of each table."""
        own = [r.own for r in rows]
        if piece is None:
            return batch, states, own
        first_state = (
            self._workers.bounds(tf.nest.flatten(batch)[0].shape[0])[0]
            if tf.nest.flatten(states)
            else 0
        )
        return piece.of(batch), piece.of(states, first_state), piece.of(own)

    def _values(self, rows, read=tf.convert_to_tensor) -> list:
        """What the gradient is taken of: each weight, or the rows of a table."""
        places = self.of_tables
        return [rows[places[id(w)]].values if id(w) in places else read(w) for w in self.weights]

    def loss(self, batch, states, rows, drawn) -> tuple:
        more = (rows, drawn) if self._objective.tables else ()
        return self._objective.loss(batch, states, *more)

    def of_all(self, batch, states, rows, drawn, piece) -> Part:
        """What a batch, or a piece of it, gives, at the present values of the variables."""
        batch, states, own = self._cut(batch, states, rows, piece)
        rows = [r._replace(own=places) for r, places in zip(rows, own, strict=True)]
        with rows_from(piece and piece.first), tf.GradientTape() as tape:
            tape.watch([r.values for r in rows])
            weights = self._values(rows, lambda w: w)
            return self._differentiated(tape, batch, states, rows, drawn, weights)

    def _of_part(self, batch, states, rows, drawn, weights, others, by_xla) -> Part:
        """What a part of a batch gives, at these values of the variables."""
        whole = [id(w) not in self.of_tables for w in self.weights]
        values = zip(
            [*itertools.compress(self.weights, whole), *self.others],
            [*itertools.compress(weights, whole), *others],
            strict=True,
        )
        narrow = self._objective.model.compute_dtype == "bfloat16"
        as_compiled = contextlib.ExitStack()
        if by_xla:
            as_compiled.enter_context(compiled_whole(narrow))
            as_compiled.enter_context(computing_in_float32(self._objective.model))
        with (
            as_compiled,
            keras.StatelessScope(values, collect_losses=True) as scope,
            tf.GradientTape() as tape,
        ):
            tape.watch(weights)
            part = self._differentiated(tape, batch, states, rows, drawn, weights)
        ends = tf.nest.map_structure(lambda s, begin: tf.cast(s, begin.dtype), part.states, states)
        others = [scope.get_current_value(v) for v in self.written]
        return part._replace(states=ends, others=others)

    def _differentiated(self, tape, batch, states, rows, drawn, weights):
        model = self._objective.model
        loss, num_targets, states, *learned = self.loss(batch, states, rows, drawn)
        (learned,) = learned or [loss]
        penalties = model.losses  # Of regularizers, say: learned from, but not reported.
        total = tf.add_n([learned, *penalties]) if penalties else learned
        with tape.stop_recording():
            gradients = [rows_of(g) for g in tape.gradient(total, weights)]
        return Part(loss, num_targets, states, gradients, [])


def is_seed(variable) -> bool:
    return variable.name == "seed_generator_state"
