"""One step of training: loss, gradient, clipping, update."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseq.layers.tensorflow.whole_step import compiled_whole, loops_listed
from tfseq.runs.objective import Objective
from tfseq.runs.row_gradients import Rows, SummedRows, rows_of, summed_rows


class Part(NamedTuple):
    """What a part of a batch gives.

    Attributes:
        loss: the mean over its targets.
        num_targets: how many there are.
        states: those that it ends with.
        gradients: of each trainable variable: a tensor, `Rows`, or None where there is none.
        others: the values that all other variables end with.
    """

    loss: tf.Tensor
    num_targets: tf.Tensor
    states: Any
    gradients: list[Any]
    others: list[tf.Tensor]


class TrainingStep:
    """(batch, states) -> (loss, gradient norm, number of targets, states); updates the model.

        g = ∂L/∂θ,  g ← g · min(1, clip / ‖g‖),  θ ← update(θ, g)

    On a CPU, XLA compiles two functions where it can: the gradient, and the clipping with the
    update. A batch whose rows do not depend on each other is divided in two, and the halves run at
    the same time, each on a core of its own. With n_i targets in half i,

        L = Σ n_i L_i / Σ n_i,  and the same holds for g.

    Elsewhere the operations run one by one, around the loops that `tfseq.RNN` chooses.

    Args:
        objective: what is to be learned.
        optimizer: built for the trainable variables of the model.
        clip_norm: the largest norm of the gradient; None leaves it as it is.
        batch_spec: of the batches.
        states: such as a batch begins with.
    """

    def __init__(
        self,
        objective: Objective,
        optimizer: keras.optimizers.Optimizer,
        clip_norm: float | None,
        batch_spec: Any,
        states: Any,
    ):
        self._objective, self._optimizer, self._clip_norm = objective, optimizer, clip_norm
        model = objective.model
        self._weights = model.trainable_variables
        trainable = {id(v) for v in self._weights}
        self._others = [v for v in model.variables if id(v) not in trainable]
        states = tf.nest.map_structure(lambda s: tf.TensorSpec(s.shape, s.dtype), states)
        self._specs = [batch_spec, states]
        self._by_xla = not tf.config.get_visible_devices("GPU")
        self._run = None

    def __call__(self, batch: Any, states: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, Any]:
        if self._run is not None:
            return self._run(batch, states)
        # The first step, traced, and without XLA if there is an operation that XLA does not have.
        variables = [*self._objective.model.variables, *self._optimizer.variables]
        before = [tf.identity(v) for v in variables]
        self._run = self._traced()
        try:
            return self._run(batch, states)
        except tf.errors.OpError:
            if not self._by_xla:
                raise
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)
            self._by_xla = False
            self._run = self._traced()
            return self._run(batch, states)

    def _traced(self):
        # A function of one signature: to call it takes half as long.
        return tf.function(
            self._step, input_signature=self._specs, autograph=False
        ).get_concrete_function()

    def _step(self, batch, states):
        num_parts = self._num_parts(batch, states) if self._by_xla else 0
        if num_parts:
            parts = self._compiled_parts(batch, states, num_parts)
        else:
            parts = [self._gradients(batch, states)]
        num_targets = tf.add_n([part.num_targets for part in parts])
        shares = [tf.cast(part.num_targets / num_targets, tf.float32) for part in parts]
        gradients = [list(g) for g in zip(*(part.gradients for part in parts), strict=True)]
        gradients = [
            summed_rows(g, shares, v.shape[0]) if isinstance(g[0], Rows) else g
            for g, v in zip(gradients, self._weights, strict=True)
        ]
        update = tf.function(self._update, jit_compile=self._by_xla or None, autograph=False)
        loss, norm = update([part.loss for part in parts], shares, gradients)
        states = tf.nest.map_structure(
            lambda *ends: tf.concat(ends, 0) if len(ends) > 1 else ends[0],
            *(part.states for part in parts),
        )
        return loss, norm, num_targets, states

    def _num_parts(self, batch, states) -> int:
        """Into how many parts a batch is divided; 0 if XLA is not to compile the gradient."""
        tensors = tf.nest.flatten((batch, states))
        if not all(t.shape.is_fully_defined() for t in tensors):
            return 0
        written = []

        def forward(batch, states):
            with keras.StatelessScope() as scope:
                self._objective.loss(batch, states)
            written.extend(v for v in self._others if scope.get_current_value(v) is not None)

        with loops_listed() as loops:
            tf.function(forward, autograph=False).get_concrete_function(batch, states)
        if not loops or any(loop.kind != "compiled" for loop in loops):
            return 0
        num_parts = min(loop.num_parts for loop in loops)
        sizes = {t.shape[0] if t.shape.rank else 1 for t in tensors}
        divisible = len(sizes) == 1 and sizes.pop() % num_parts == 0
        return num_parts if divisible and all(map(_is_seed, written)) else 1

    def _compiled_parts(self, batch, states, num_parts):
        weights = list(map(tf.convert_to_tensor, self._weights))
        others = list(map(tf.convert_to_tensor, self._others))

        def part_of(number):
            def cut(tensor):
                size = tensor.shape[0] // num_parts
                return tensor[number * size : (number + 1) * size]

            return tf.nest.map_structure(cut, (batch, states)) if num_parts > 1 else (batch, states)

        # Of the parts alone: whatever else differs between them, XLA compiles twice.
        @tf.function(jit_compile=True, autograph=False)
        def gradients(batch, states, others):
            return self._gradients_of_part(batch, states, weights, others)

        def seeded(number):
            """Another number of each seed: no two parts have the same dropout masks."""
            step = tf.constant([number << 32, 0], tf.int64)
            pairs = zip(self._others, others, strict=True)
            return [value + step if _is_seed(variable) else value for variable, value in pairs]

        parts = [gradients(*part_of(i), seeded(i) if i else others) for i in range(num_parts)]
        for variable, value in zip(self._others, parts[0].others, strict=True):
            variable.assign(value)
        return parts

    def _gradients(self, batch, states) -> Part:
        """What a batch gives, at the present values of the variables."""
        with tf.GradientTape() as tape:
            return self._differentiated(tape, batch, states, self._weights)

    def _gradients_of_part(self, batch, states, weights, others) -> Part:
        """What a part of a batch gives, at these values of the variables."""
        values = zip([*self._weights, *self._others], [*weights, *others], strict=True)
        with (
            compiled_whole(),
            keras.StatelessScope(values, collect_losses=True) as scope,
            tf.GradientTape() as tape,
        ):
            tape.watch(weights)
            part = self._differentiated(tape, batch, states, weights)
        return part._replace(others=[scope.get_current_value(v) for v in self._others])

    def _differentiated(self, tape, batch, states, weights):
        model = self._objective.model
        loss, num_targets, states = self._objective.loss(batch, states)
        penalties = model.losses  # Of regularizers, say: learned from, but not reported.
        total = tf.add_n([loss, *penalties]) if penalties else loss
        with tape.stop_recording():
            gradients = [rows_of(g) for g in tape.gradient(total, weights)]
        return Part(loss, num_targets, states, gradients, [])

    def _update(self, losses, shares, gradients):
        """Clip and update; the mean loss, and the norm of the gradient before clipping."""

        def mean(values):
            if len(values) == 1 or values[0] is None:
                return values[0]
            return tf.add_n([v * tf.cast(s, v.dtype) for v, s in zip(values, shares, strict=True)])

        dense, distinct = [], []
        for g in gradients:
            rows = isinstance(g, SummedRows)
            dense.append(g.dense() if rows else mean(g))
            # Rows that no batch has read add nothing to the norm.
            distinct.append(g.values if rows else dense[-1])
        norm = tf.linalg.global_norm(distinct)
        if self._clip_norm is not None:
            dense, _ = tf.clip_by_global_norm(dense, self._clip_norm, use_norm=norm)
        self._optimizer.apply_gradients(zip(dense, self._weights, strict=True))
        return mean(losses), norm


def _is_seed(variable) -> bool:
    return variable.name == "seed_generator_state"
