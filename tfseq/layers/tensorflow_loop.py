"""How `tfseq.RNN` runs on TensorFlow: which loop, and in what layout."""

import tensorflow as tf
from keras import tree

from tfseq.layers import cudnn
from tfseq.layers.fast_loop import run_loop
from tfseq.layers.lookup import lookup_of
from tfseq.layers.portable import in_portable_loops
from tfseq.layers.step_graph import trace_step
from tfseq.layers.step_sorting import NotTraceableError


def run_on_tensorflow(layer, sequences, initial_state, mask, training):
    """What `keras.layers.RNN.inner_loop` returns, or None where that has to run.

    Also sets `layer.last_loop`:

    - "cudnn" on a GPU, for a cell that cuDNN has;
    - "compiled" by XLA: in training, where the batch size and the number of steps are known when
      the graph is traced; on a GPU also in inference;
    - "graph": the same loop, of single operations;
    - "keras: …", the loop of Keras, with the reason.

    XLA joins the many small operations on gates. It is faster in inference, too, but there it is
    the caller's to choose, as `Model.predict` does for the whole model: what is traced may be on
    its way into an export, which must run where there is no XLA.
    """
    if tf.executing_eagerly():
        layer.last_loop = "keras: called eagerly, outside of tf.function"
        return None
    x, states, mask = _as_arguments(sequences, initial_state, mask)
    on_gpu = bool(tf.config.list_physical_devices("GPU")) and not in_portable_loops()
    try:
        step = trace_step(
            layer.cell,
            tf.TensorSpec([x.shape[0], *x.shape[2:]], x.dtype),
            tree.map_structure(lambda s: tf.TensorSpec(s.shape, s.dtype), states),
            None if mask is None else tf.TensorSpec([x.shape[0], 1], tf.bool),
            training,
            layer.zero_output_for_mask,
        )
    except NotTraceableError as reason:
        layer.last_loop = f"keras: {reason}"
        return None
    static = None not in x.shape[:2]
    compiled = static and (training is True or on_gpu) and not in_portable_loops()
    layer.last_loop = "compiled" if compiled else "graph"

    def run(x, mask, states):
        return _run(layer, step, x, mask, states, lookup_of(sequences), training, compiled)

    if on_gpu and cudnn.can_run(layer.cell, x.dtype):
        layer.last_loop = "cudnn"
        return cudnn.run(layer, x, mask, states, otherwise=run)
    return run(x, mask, states)


def _as_arguments(sequences, initial_state, mask):
    """The arguments of `inner_loop` as tensors that agree about what is known of the batch."""
    x = tf.convert_to_tensor(sequences)
    states = tree.map_structure(tf.convert_to_tensor, initial_state)
    sizes = [t.shape[0] for t in (x, *tree.flatten(states)) if t.shape[0] is not None]
    if sizes:
        x = tf.ensure_shape(x, [sizes[0], *x.shape[1:]])
        states = tree.map_structure(lambda s: tf.ensure_shape(s, [sizes[0], *s.shape[1:]]), states)
    if mask is not None:
        mask = tf.cast(mask, tf.bool)
        mask = mask[:, :, None] if len(mask.shape) == 2 else mask
        mask = tf.ensure_shape(mask, [x.shape[0], x.shape[1], 1])
    return x, states, mask


def _run(layer, step, x, mask, states, lookup, training, compiled):
    x, mask = _time_first(x), None if mask is None else _time_first(mask)
    if lookup is not None:
        ids, table = lookup
        lookup = (_time_first(ids), table)
    if layer.go_backwards:
        x, mask = tf.reverse(x, [0]), None if mask is None else tf.reverse(mask, [0])
        lookup = None if lookup is None else (tf.reverse(lookup[0], [0]), lookup[1])
    previous = tree.flatten(states)
    if step.repeats:
        previous = [_zeros(step.previous[0], previous[0]), *previous]
    outputs, final = run_loop(
        step,
        x,
        mask,
        previous,
        [tf.convert_to_tensor(v) for v in layer.cell.variables],
        lookup=lookup,
        all_outputs=layer.return_sequences,
        keep=training is not False,
        compiled=compiled,
    )
    final = list(tree.pack_sequence_as(states, final))
    if layer.return_sequences:
        return outputs[-1], _time_first(outputs), final
    return outputs, outputs[:, None], final


def _zeros(traced, like):
    shape = [tf.shape(like)[0] if n is None else n for n in traced.shape]
    return tf.zeros(shape, traced.dtype)


def _time_first(tensor):
    """`[batch, time, …]` as `[time, batch, …]`, and the other way round."""
    return tf.transpose(tensor, [1, 0, *range(2, len(tensor.shape))])
