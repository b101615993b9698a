"""One step of training: loss, gradient, clipping, update."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfseq.runs.objective import Objective
from tfseq.runs.recipe.update import Update, means
from tfseq.runs.row_gradients import Rows, sum_of_rows, summed_rows
from tfseq.runs.rows.row_tables import RowTables
from tfseq.runs.steps.forward_trace import trace_forward
from tfseq.runs.steps.gradients import Gradients, is_seed
from tfseq.runs.workers.pieces import Piece, bounds_of, parts_of, pieces_of
from tfseq.runs.workers.workers import ALONE, Workers


class TrainingStep:
    """(batch, states) -> (loss, gradient norm, number of targets, states); updates the model.

        g = ∂L/∂θ,  g ← g · min(1, clip / ‖g‖),  θ ← update(θ, g)

    Where gradients are accumulated, g is the mean over the targets of this batch and of those
    since the last update, and the norm is that of this mean. Called with `last=False`, a step
    makes no update.

    On a CPU, XLA compiles two functions where it can: the gradient, and the clipping with the
    update. A batch whose rows do not depend on each other is divided in two, and the halves run at
    the same time, each on a core of its own. With n_i targets in half i,

        L = Σ n_i L_i / Σ n_i,  and the same holds for g.

    Elsewhere the operations run one by one, around the loops that `tfseq.RNN` chooses.

    Args:
        objective: what is to be learned.
        update: of the trainable variables of the model.
        batch_specs: of the batches, each with what the learning rate is multiplied by. A step is
            traced for each when it is first needed.
        states: such as a batch begins with.
        tables: those of the objective.
        workers: with whom the batches are shared; `states` are then those of the own rows.

    Attributes:
        kind: how the gradient is made, after a step: "compiled", "compiled in halves", "graph: …".
    """

    def __init__(
        self,
        objective: Objective,
        update: Update,
        batch_specs: Sequence[tuple[Any, float]],
        states: Any,
        tables: RowTables,
        workers: Workers = ALONE,
    ):
        self._workers = workers
        self._objective, self._update, self._tables = objective, update, tables
        self._gradients = Gradients(objective, workers)
        states = tf.nest.map_structure(lambda s: tf.TensorSpec(s.shape, s.dtype), states)
        more = [tf.TensorSpec([], tf.bool)] if update.accumulated else []
        self._one_shape = len(batch_specs) == 1
        self._specs = {
            self._shape(batch): ([batch, states, *more], factor) for batch, factor in batch_specs
        }
        gpus = tf.config.get_visible_devices("GPU")
        self._not_by_xla = "there is a GPU" if gpus else None
        self._runs: dict[Any, Callable] = {}  # The traced steps, by the shape of their batches.
        self.kind: str | None = None

    def __call__(
        self, batch: Any, states: Any, last: bool = True
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, Any]:
        given = (batch, states, tf.constant(last)) if self._update.accumulated else (batch, states)
        shape = self._shape(batch)
        if shape in self._runs:
            return self._runs[shape](*given)
        # The first step, traced, and without XLA if there is an operation that XLA does not have.
        run = self._runs[shape] = self._traced(shape)
        if self._not_by_xla:
            return run(*given)
        variables = [*self._objective.model.variables, *self._update.variables]
        variables = [v for v in variables if id(v) not in self._tables.held]
        before = [tf.identity(v) for v in variables]
        try:
            return run(*given)
        except tf.errors.OpError as error:
            if isinstance(error, tf.errors.UnavailableError):  # Another process has ended.
                raise
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)
            self._not_by_xla = "XLA does not have all operations"
            run = self._runs[shape] = self._traced(shape)
            return run(*given)

    def _shape(self, batch) -> Any:
        """By what batches, or specs of batches, of several shapes are told apart."""
        if self._one_shape:
            return None
        return tuple(tuple(tensor.shape) for tensor in tf.nest.flatten(batch))

    def _traced(self, shape):
        specs, factor = self._specs[shape]
        # A function of one signature: to call it takes half as long.
        step = tf.function(self._step, input_signature=specs, autograph=False)
        with self._update.at_rate(factor):
            return step.get_concrete_function()

    def _step(self, batch, states, *last):
        at_hand = self._tables.read(batch, self._update.number)
        given = batch, states, at_hand.rows, at_hand.drawn
        num_parts, self.kind = self._choose(*given)
        pieces = self._pieces(batch, num_parts)
        if num_parts or len(pieces) > 1:
            parts = self._gradients.of_pieces(*given, pieces, by_xla=num_parts > 0)
        else:
            parts = [self._gradients.of_all(*given, pieces[0])]
        num_targets = tf.add_n([part.num_targets for part in parts])
        shares = [
            tf.math.divide_no_nan(
                *(tf.cast(n, tf.float32) for n in (part.num_targets, num_targets))
            )
            for part in parts
        ]
        losses = [part.loss for part in parts]
        gradients = [list(g) for g in zip(*(part.gradients for part in parts), strict=True)]
        gradients = [
            self._summed(g, shares, v) if isinstance(g[0], Rows) else g
            for g, v in zip(gradients, self._gradients.weights, strict=True)
        ]
        if self._workers.size > 1:
            own = means(losses, shares, gradients)
            loss, num_targets, gradients = self._workers.mean(*own, num_targets)
            losses, shares, gradients = [loss], [1.0], [[g] for g in gradients]
        self._tables.begin(at_hand)
        by_xla = None if self._not_by_xla else True
        update = tf.function(self._update, jit_compile=by_xla, autograph=False)
        more = (num_targets, *last) if last else ()
        loss, norm = update(losses, shares, gradients, *more)
        self._tables.end(at_hand)
        states = tf.nest.map_structure(
            lambda *ends: tf.concat(ends, 0) if len(ends) > 1 else ends[0],
            *(part.states for part in parts),
        )
        return loss, norm, num_targets, states

    def _choose(self, batch, states, rows, drawn) -> tuple[int, str]:
        """Into how many parts a batch is divided, 0 if XLA is not to compile it; and `kind`."""
        if self._not_by_xla:
            if self._workers.devices:
                loss = functools.partial(self._gradients.loss, rows=rows, drawn=drawn)
                _, written, *_ = trace_forward(self._objective.model, loss, batch, states)
                self._gradients.note_written(written)
            return 0, f"graph: {self._not_by_xla}"
        if self._workers.size > 1:  # What is chosen for the whole batch holds for its pieces.
            size = tf.nest.flatten(batch)[0].shape[0]
            states = tf.nest.map_structure(
                lambda s: tf.zeros([size, *s.shape[1:]], s.dtype), states
            )
        tensors = tf.nest.flatten((batch, states))
        if not all(t.shape.is_fully_defined() for t in tensors):
            return 0, "graph: not all batches are of the same shape"
        loss = functools.partial(self._gradients.loss, rows=rows, drawn=drawn)
        loops, written, penalties, traces = trace_forward(
            self._objective.model, loss, batch, states
        )
        if not loops:
            return 0, "graph: there is no recurrent layer"
        others = [loop.kind for loop in loops if loop.kind != "compiled"]
        if others:
            return 0, f"graph: a recurrent layer runs as {others[0]!r}"
        if written - {id(v) for v in self._gradients.others}:
            return 0, "graph: a weight is written, or a variable that is not the model's"
        self._gradients.note_written(written)
        if traces:
            return 0, f"graph: there is the operation {traces[0]}"
        num_parts = min(loop.num_parts for loop in loops)
        sizes = {t.shape[0] if t.shape.rank else 1 for t in tensors}
        seeds_alone = all(map(is_seed, self._gradients.written))
        divisible = self._objective.independent_rows and seeds_alone and not penalties
        if divisible and num_parts > 1 and len(sizes) == 1 and sizes.pop() % num_parts == 0:
            return num_parts, "compiled in halves"
        return 1, "compiled"

    def _pieces(self, batch, num_parts) -> list[Piece | None]:
        """What this process takes of a batch; None is all of it."""
        tensor, devices = tf.nest.flatten(batch)[0], self._workers.devices
        if devices:
            size = tensor.shape[0]
            return [
                piece._replace(device=device)
                for k, device in enumerate(devices)
                for piece in pieces_of(*bounds_of(size, k, len(devices)), size, num_parts or 1)
            ]
        if self._workers.size == 1:
            return parts_of(tensor.shape[0], num_parts) if num_parts > 1 else [None]
        size = tf.shape(tensor)[0] if tensor.shape[0] is None else tensor.shape[0]
        start, stop = self._workers.bounds(size)
        if num_parts:
            return pieces_of(start, stop, size, num_parts)
        return [Piece(start, stop, first=start)]

    def _summed(self, parts, shares, weight):
        if id(weight) in self._gradients.of_tables:
            table = self._objective.tables[self._gradients.of_tables[id(weight)]]
            return [sum_of_rows(parts, shares, table.most_rows)]
        summed = summed_rows(parts, shares, weight.shape[0])
        # XLA would compile the update anew for each number of rows that batches read.
        return [summed.dense()] if summed.values.shape[0] is None else summed
