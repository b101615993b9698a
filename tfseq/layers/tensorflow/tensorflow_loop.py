"""How `tfseq.RNN` runs on TensorFlow: which loop, and in what layout."""

import contextlib

import keras
import tensorflow as tf
from keras import tree

from tfseq.layers.lookup import lookup_of
from tfseq.layers.portable import in_portable_loops
from tfseq.layers.tensorflow import cudnn
from tfseq.layers.tensorflow.ahead import sizes
from tfseq.layers.tensorflow.autocast import without_autocast
from tfseq.layers.tensorflow.compiled import can_compile
from tfseq.layers.tensorflow.fast_loop import run_loop
from tfseq.layers.tensorflow.step.cell_marks import no_marks
from tfseq.layers.tensorflow.step.graph import trace_step
from tfseq.layers.tensorflow.step.sorting import NotTraceableError
from tfseq.layers.tensorflow.whole_step import is_compiled_whole, list_loop

_NOBODYS_SIZE = 7919
# A batch is run in two parts at once, if each has as many rows as this. On two cores that takes a
# third less time at 32 rows and 256 units, and no more at other sizes; more parts are not measured.
_ROWS_OF_A_PART = 16


def run_on_tensorflow(layer, sequences, initial_state, mask, training, dropped=None, noise=None):
    """What `keras.layers.RNN.inner_loop` returns, or None where that has to run.

    Also sets `layer.last_loop`:

    - "cudnn" on a GPU, for a cell that cuDNN has, without a mask; with one, "cudnn, or compiled
      if not right-padded";
    - "compiled" by XLA: in training, where the batch size and the number of steps are known when
      the graph is traced, and XLA has the operations of the step; on a GPU also in inference;
    - "graph": the same loop, of single operations;
    - "keras: …", the loop of Keras, with the reason.

    A large batch in bfloat16 is run in parts and not compiled: TensorFlow's own product is faster
    in bfloat16, XLA's is not. In inference XLA is the caller's to choose, as `Model.predict` does
    for the whole model: what is traced may be on its way into an export, which must run without.

    `dropped`, the `DroppedKernels` of this call, or None, stand for weights of the cell; `noise`,
    the `StateNoise` of it, or None, takes the steps.

    `layer.recompute_steps` holds in training for "compiled" and "graph"; cuDNN, which keeps what it
    likes, is then left out.
    """
    if tf.executing_eagerly():
        _note_keras(layer, "called eagerly, outside of tf.function")
        return None
    x, states, mask = _as_arguments(layer, sequences, initial_state, mask)
    seeds = getattr(layer, "seed_generator", None)
    drawn = [] if noise is None else noise.draw(*sizes(x)[:2], states, seeds)
    on_gpu = _is_on_gpu()
    most_parts = 1 if on_gpu or is_compiled_whole() else 2
    try:
        weights, num_parts, step = without_autocast(
            lambda: _trace(layer, x, states, mask, training, dropped, noise, drawn, most_parts)
        )
    except NotTraceableError as reason:
        _note_keras(layer, reason)
        return None
    by_xla = (
        _may_be_compiled(x, training)
        and not (x.dtype == tf.bfloat16 and num_parts > 1)
        and can_compile([*step.recurrent, *step.remade, *step.backward])
    )
    _note(layer, "compiled" if by_xla else "graph", num_parts)

    def run(x, mask, states):
        lookup = lookup_of(sequences)
        others = drawn if mask is None else [mask, *drawn]
        return _run(layer, weights, step, num_parts, x, others, states, lookup, training, by_xla)

    recomputes = layer.recompute_steps is not None and training is not False
    if on_gpu and cudnn.can_run(layer.cell, x.dtype) and not recomputes and noise is None:
        _note(layer, "cudnn" if mask is None else "cudnn, or compiled if not right-padded")
        with contextlib.nullcontext() if dropped is None else dropped.in_place():
            return cudnn.run(layer, x, mask, states, otherwise=run)
    return run(x, mask, states)


def is_run_by_xla(sequences, training) -> bool:
    """Whether XLA compiles the loop on a CPU, if it has the operations of the step."""
    if tf.executing_eagerly() or _is_on_gpu():
        return False
    return _may_be_compiled(sequences, training)


def _is_on_gpu():
    return bool(tf.config.get_visible_devices("GPU")) and not in_portable_loops()


def _may_be_compiled(x, training):
    known = None not in x.shape[:2]
    return known and (training is True or _is_on_gpu()) and not in_portable_loops()


def _note_keras(layer, reason):
    kept = "" if layer.recompute_steps is None else "; recompute_steps has no effect"
    _note(layer, f"keras: {reason}{kept}")


def _note(layer, loop, num_parts=1):
    layer.last_loop = loop
    list_loop(loop, num_parts)


def _as_arguments(layer, sequences, initial_state, mask):
    """The arguments of `inner_loop` as tensors that agree about what is known of the batch."""
    x = tf.convert_to_tensor(sequences)
    if not tree.is_nested(initial_state):
        initial_state = [initial_state]
    states = tree.map_structure(tf.convert_to_tensor, initial_state)
    of_rows = [s for s in tree.flatten(states) if s.shape.rank]
    known = {t.shape[0] for t in (x, *of_rows)}
    if None in known and len(known) > 1:
        x, states = _with_batch_size(layer, x, states)
    if mask is not None:
        mask = tf.cast(mask, tf.bool)
        mask = mask[:, :, None] if len(mask.shape) == 2 else mask
        mask = tf.ensure_shape(mask, [x.shape[0], x.shape[1], 1])
    return x, states, mask


def _with_batch_size(layer, x, states):
    """`x` and those of `states` that have an axis of the batch, with the size that one of them has.

    A state may have none: a counter, a memory that all rows share. The states that the layer makes
    itself for a batch of a size that is nobody's tell which do.
    """
    made = []

    def make():
        made.extend(tree.flatten(layer.get_initial_state(batch_size=_NOBODYS_SIZE)))

    try:
        with no_marks(layer.cell), keras.StatelessScope():
            tf.function(make, autograph=False).get_concrete_function()
    except Exception:
        # It makes none by itself, then nothing is known of those it is given.
        return x, states
    flat = tree.flatten(states)
    if len(made) != len(flat):
        return x, states
    of_rows = [m.shape.rank and m.shape[0] == _NOBODYS_SIZE for m in made]
    sizes = [x.shape[0], *(s.shape[0] for s, rows in zip(flat, of_rows, strict=True) if rows)]
    size = next((n for n in sizes if n is not None), None)

    def sized(tensor):
        return tf.ensure_shape(tensor, [size, *tensor.shape[1:]])

    flat = [sized(s) if rows else s for s, rows in zip(flat, of_rows, strict=True)]
    return sized(x), tree.pack_sequence_as(states, flat)


def _trace(layer, x, states, mask, training, dropped, noise, drawn, num_parts):
    """Values of the weights, the number of parts of the batch, at most `num_parts`, a part's step.

    A batch is divided where no row of a step depends on another, nor on how many there are.
    """
    if not isinstance(layer.cell, keras.layers.Layer):
        raise NotTraceableError("it is no Keras layer")
    read = tf.convert_to_tensor if dropped is None else dropped.value_of
    weights = [read(v) for v in layer.cell.variables]
    batch_size = x.shape[0]
    if batch_size is None or batch_size % num_parts or batch_size < num_parts * _ROWS_OF_A_PART:
        num_parts = 1
    if not all(s.shape.rank and s.shape[0] == batch_size for s in tree.flatten(states)):
        num_parts = 1

    def trace(num_rows, **options):
        return trace_step(
            layer.cell,
            [tf.TensorSpec(w.shape, w.dtype) for w in weights],
            tf.TensorSpec([num_rows, *x.shape[2:]], x.dtype),
            tree.map_structure(lambda s: _of_part(s, num_rows, num_parts), states),
            None if mask is None else tf.TensorSpec([num_rows, 1], tf.bool),
            training,
            layer.zero_output_for_mask,
            noise=noise,
            drawn=[tf.TensorSpec([num_rows, *d.shape[2:]], d.dtype) for d in drawn],
            **options,
        )

    if num_parts > 1:
        whole = trace(batch_size, backward=False)
        if whole.acts_on_rows:
            with contextlib.suppress(NotTraceableError):
                step = trace(batch_size // num_parts)
                if step.acts_on_rows and step.definitions == whole.definitions:
                    return weights, num_parts, step
    return weights, 1, trace(batch_size)


def _of_part(state, num_rows, num_parts):
    """The spec of `state` in a part of the batch; in the whole batch, it may be of any shape."""
    shape = state.shape if num_parts == 1 else [num_rows, *state.shape[1:]]
    return tf.TensorSpec(shape, state.dtype)


def _run(layer, weights, step, num_parts, x, others, states, lookup, training, by_xla):
    x, *others = (_time_first(t, num_parts) for t in (x, *others))
    if lookup is not None:
        lookup = (_time_first(lookup[0], num_parts), lookup[1])
    if layer.go_backwards:
        x, *others = (tf.reverse(t, [1]) for t in (x, *others))
        lookup = None if lookup is None else (tf.reverse(lookup[0], [1]), lookup[1])
    previous = tree.flatten(states)
    if step.repeats:
        previous = [_zeros(step.results[0], x), *previous]
    outputs, final = run_loop(
        step,
        x,
        others,
        [_in_parts(p, num_parts) for p in previous],
        weights,
        lookup=lookup,
        all_outputs=layer.return_sequences,
        keep=training is not False,
        by_xla=by_xla and not is_compiled_whole(),
        segment_length=None if training is False else layer.recompute_steps,
    )
    final = list(tree.pack_sequence_as(states, map(_as_batch, final)))
    if layer.return_sequences:
        return _as_batch(outputs[:, -1]), _as_batch(_batch_first(outputs)), final
    outputs = _as_batch(outputs)
    return outputs, outputs[:, None], final


def _zeros(traced, x):
    """Zeros like `traced`, `[batch, …]`, for all rows of `x` `[parts, time, rows, …]`."""
    num_parts, _, num_rows = sizes(x)[:3]
    return tf.zeros([num_parts * num_rows, *traced.shape[1:]], traced.dtype)


def _in_parts(tensor, num_parts):
    """`[batch, …]` as `[parts, rows, …]`."""
    if num_parts == 1:
        return tensor[None]
    return tf.reshape(tensor, [num_parts, tensor.shape[0] // num_parts, *sizes(tensor)[1:]])


def _as_batch(parts):
    """`[parts, rows, …]` as `[batch, …]`."""
    if parts.shape[0] == 1:
        return parts[0]
    return tf.reshape(parts, [parts.shape[0] * parts.shape[1], *sizes(parts)[2:]])


def _time_first(tensor, num_parts):
    """`[batch, time, …]` as `[parts, time, rows, …]`."""
    return _batch_first(_in_parts(tensor, num_parts))


def _batch_first(steps):
    """`[parts, time, rows, …]` as `[parts, rows, time, …]`, and the other way round."""
    return tf.transpose(steps, [0, 2, 1, *range(3, len(steps.shape))])
