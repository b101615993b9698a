"""What the forward half of a training step does, besides computing."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

# TensorFlow tells of an operation what it is where it lies in a graph, but not by its name.
from tensorflow.python.framework import op_def_registry

from tfseq.layers.tensorflow.whole_step import Loop, loops_listed
from tfseq.runs.mixed_precision import computing_in_float32

# They read or call, and leave no trace.
_WITHOUT_TRACE = frozenset(
    {"ReadVariableOp", "PartitionedCall", "StatefulPartitionedCall", "While", "If"}
)


class ForwardTrace(NamedTuple):
    """What is seen of a loss where it is traced.

    Attributes:
        loops: those over time.
        written: the `id`s of the variables that are written.
        penalties: of activity, which are means over the rows.
        traces: the types of operations that write, print, call Python or draw random numbers; not
            all in XLA, or else there. XLA leaves out assertions, and its random numbers depend on
            no seed.
    """

    loops: list[Loop]
    written: set[int]
    penalties: list[tf.Tensor]
    traces: list[str]


def trace_forward(
    model: keras.Model, loss: Callable[[Any, Any], tuple], batch: Any, states: Any
) -> ForwardTrace:
    """Trace `loss(batch, states)` of a model, for what is to be seen of it alone."""
    written, penalties = set(), []

    def forward(batch, states):
        with keras.StatelessScope(collect_losses=True) as scope:
            loss(batch, states)
        written.update(scope.state_mapping)
        penalties.extend(scope.losses)

    with loops_listed() as loops, computing_in_float32(model):
        traced = tf.function(forward, autograph=False).get_concrete_function(batch, states)
    traces = _operations_that_leave_a_trace(traced.graph)
    return ForwardTrace(loops, written, penalties, traces)


def _operations_that_leave_a_trace(graph) -> list[str]:
    definition = graph.as_graph_def()
    nodes = [definition.node, *(f.node_def for f in definition.library.function)]
    types = {node.op for part in nodes for node in part} - _WITHOUT_TRACE
    return sorted(t for t in types if (found := op_def_registry.get(t)) and found.is_stateful)
