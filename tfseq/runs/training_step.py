"""One step of training: loss, gradient, clipping, update."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

# TensorFlow tells of an operation what it is where it lies in a graph, but not by its name.
from tensorflow.python.framework import op_def_registry

from tfseq.layers.tensorflow.whole_step import compiled_whole, loops_listed
from tfseq.runs.mixed_precision import computing_in_float32
from tfseq.runs.objective import Objective
from tfseq.runs.recipe.update import Update
from tfseq.runs.row_gradients import Rows, rows_of, sum_of_rows, summed_rows
from tfseq.runs.rows.row_tables import RowTables

# They read or call, and leave no trace.
_WITHOUT_TRACE = frozenset(
    {"ReadVariableOp", "PartitionedCall", "StatefulPartitionedCall", "While", "If"}
)


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
    ):
        self._objective, self._update, self._tables = objective, update, tables
        model = objective.model
        self._weights = model.trainable_variables
        trainable = {id(v) for v in self._weights}
        self._of_tables = {id(t.variable): i for i, t in enumerate(objective.tables)}
        self._others = [v for v in model.variables if id(v) not in trainable]
        self._written = []  # Of the others, those that a step writes.
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
        except tf.errors.OpError:
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
        if num_parts:
            parts = self._compiled_parts(*given, num_parts)
        else:
            parts = [self._gradients(*given)]
        num_targets = tf.add_n([part.num_targets for part in parts])
        shares = [
            tf.math.divide_no_nan(
                *(tf.cast(n, tf.float32) for n in (part.num_targets, num_targets))
            )
            for part in parts
        ]
        gradients = [list(g) for g in zip(*(part.gradients for part in parts), strict=True)]
        gradients = [
            self._summed(g, shares, v) if isinstance(g[0], Rows) else g
            for g, v in zip(gradients, self._weights, strict=True)
        ]
        self._tables.begin(at_hand)
        by_xla = None if self._not_by_xla else True
        update = tf.function(self._update, jit_compile=by_xla, autograph=False)
        more = (num_targets, *last) if last else ()
        loss, norm = update([part.loss for part in parts], shares, gradients, *more)
        self._tables.end(at_hand)
        states = tf.nest.map_structure(
            lambda *ends: tf.concat(ends, 0) if len(ends) > 1 else ends[0],
            *(part.states for part in parts),
        )
        return loss, norm, num_targets, states

    def _choose(self, batch, states, rows, drawn) -> tuple[int, str]:
        """Into how many parts a batch is divided, 0 if XLA is not to compile it; and `kind`."""
        if self._not_by_xla:
            return 0, f"graph: {self._not_by_xla}"
        tensors = tf.nest.flatten((batch, states))
        if not all(t.shape.is_fully_defined() for t in tensors):
            return 0, "graph: not all batches are of the same shape"
        written, penalties = set(), []

        def forward(batch, states):
            with keras.StatelessScope(collect_losses=True) as scope:
                self._loss(batch, states, rows, drawn)
            written.update(scope.state_mapping)
            penalties.extend(scope.losses)  # Of activity, which are means over the rows.

        with loops_listed() as loops, computing_in_float32(self._objective.model):
            traced = tf.function(forward, autograph=False).get_concrete_function(batch, states)
        if not loops:
            return 0, "graph: there is no recurrent layer"
        others = [loop.kind for loop in loops if loop.kind != "compiled"]
        if others:
            return 0, f"graph: a recurrent layer runs as {others[0]!r}"
        if written - {id(v) for v in self._others}:
            return 0, "graph: a weight is written, or a variable that is not the model's"
        self._written = [v for v in self._others if id(v) in written]
        traces = _operations_that_leave_a_trace(traced.graph)
        if traces:
            return 0, f"graph: there is the operation {traces[0]}"
        num_parts = min(loop.num_parts for loop in loops)
        sizes = {t.shape[0] if t.shape.rank else 1 for t in tensors}
        seeds_alone = all(map(_is_seed, self._written))
        divisible = self._objective.independent_rows and seeds_alone and not penalties
        if divisible and num_parts > 1 and len(sizes) == 1 and sizes.pop() % num_parts == 0:
            return num_parts, "compiled in halves"
        return 1, "compiled"

    def _summed(self, parts, shares, weight):
        if id(weight) in self._of_tables:
            table = self._objective.tables[self._of_tables[id(weight)]]
            return [sum_of_rows(parts, shares, table.most_rows)]
        summed = summed_rows(parts, shares, weight.shape[0])
        # XLA would compile the update anew for each number of rows that batches read.
        return [summed.dense()] if summed.values.shape[0] is None else summed

    def _compiled_parts(self, batch, states, rows, drawn, num_parts):
        weights = self._values(rows)
        others = list(map(tf.convert_to_tensor, self._others))

        def part_of(number):
            def cut(tensor):
                size = tensor.shape[0] // num_parts
                return tensor[number * size : (number + 1) * size]

            whole = batch, states, [r.own for r in rows]
            return tf.nest.map_structure(cut, whole) if num_parts > 1 else whole

        # Of the parts alone: whatever else differs between them, XLA compiles twice.
        @tf.function(jit_compile=True, autograph=False)
        def gradients(batch, states, own, others):
            of_part = [r._replace(own=places) for r, places in zip(rows, own, strict=True)]
            return self._gradients_of_part(batch, states, of_part, drawn, weights, others)

        def seeded(number):
            """Another number of each seed: no two parts have the same dropout masks."""
            step = tf.constant([number << 32, 0], tf.int64)
            pairs = zip(self._others, others, strict=True)
            return [value + step if _is_seed(variable) else value for variable, value in pairs]

        parts = [gradients(*part_of(i), seeded(i) if i else others) for i in range(num_parts)]
        for variable, value in zip(self._written, parts[0].others, strict=True):
            variable.assign(value)
        return parts

    def _values(self, rows, read=tf.convert_to_tensor) -> list:
        """What the gradient is taken of: each weight, or the rows of a table."""
        places = self._of_tables
        return [rows[places[id(w)]].values if id(w) in places else read(w) for w in self._weights]

    def _loss(self, batch, states, rows, drawn) -> tuple:
        more = (rows, drawn) if self._objective.tables else ()
        return self._objective.loss(batch, states, *more)

    def _gradients(self, batch, states, rows, drawn) -> Part:
        """What a batch gives, at the present values of the variables."""
        with tf.GradientTape() as tape:
            tape.watch([r.values for r in rows])
            weights = self._values(rows, lambda w: w)
            return self._differentiated(tape, batch, states, rows, drawn, weights)

    def _gradients_of_part(self, batch, states, rows, drawn, weights, others) -> Part:
        """What a part of a batch gives, at these values of the variables."""
        whole = [id(w) not in self._of_tables for w in self._weights]
        values = zip(
            [*itertools.compress(self._weights, whole), *self._others],
            [*itertools.compress(weights, whole), *others],
            strict=True,
        )
        narrow = self._objective.model.compute_dtype == "bfloat16"
        with (
            compiled_whole(narrow),
            computing_in_float32(self._objective.model),
            keras.StatelessScope(values, collect_losses=True) as scope,
            tf.GradientTape() as tape,
        ):
            tape.watch(weights)
            part = self._differentiated(tape, batch, states, rows, drawn, weights)
        ends = tf.nest.map_structure(lambda s, begin: tf.cast(s, begin.dtype), part.states, states)
        others = [scope.get_current_value(v) for v in self._written]
        return part._replace(states=ends, others=others)

    def _differentiated(self, tape, batch, states, rows, drawn, weights):
        model = self._objective.model
        loss, num_targets, states, *learned = self._loss(batch, states, rows, drawn)
        (learned,) = learned or [loss]
        penalties = model.losses  # Of regularizers, say: learned from, but not reported.
        total = tf.add_n([learned, *penalties]) if penalties else learned
        with tape.stop_recording():
            gradients = [rows_of(g) for g in tape.gradient(total, weights)]
        return Part(loss, num_targets, states, gradients, [])


def _is_seed(variable) -> bool:
    return variable.name == "seed_generator_state"


def _operations_that_leave_a_trace(graph) -> list[str]:
    """Those that write, print, call Python or draw random numbers; not all in XLA, or else there.

    XLA leaves out assertions, and its random numbers depend on no seed.
    """
    definition = graph.as_graph_def()
    nodes = [definition.node, *(f.node_def for f in definition.library.function)]
    types = {node.op for part in nodes for node in part} - _WITHOUT_TRACE
    return sorted(t for t in types if (found := op_def_registry.get(t)) and found.is_stateful)
