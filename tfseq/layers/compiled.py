"""Functions compiled by XLA whose gradients are not."""

import tensorflow as tf


def run_compiled(function, *arguments):
    """`function(*arguments)`, compiled by XLA for the static shapes of the arguments.

    XLA cannot hand out the stacks of tensors that TensorFlow's gradient of a loop reads. A
    gradient through the result therefore runs `function` again, of single operations, and
    differentiates that: slow, but right, and asked for by gradients of gradients only.

    Args:
        function: from nested tensors to nested tensors; None may stand among the results.
        *arguments: nested tensors.

    Example:

    >>> x = tf.constant([1.0, 2.0])
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     (y,) = run_compiled(lambda x: [x * x], x)
    >>> y.numpy(), tape.gradient(y, x).numpy()
    (array([1., 4.], dtype=float32), array([2., 4.], dtype=float32))
    """
    structure = []

    @tf.custom_gradient
    def run(*tensors):
        # Stopped, or two tapes around it would have it hand out what its own gradient needs.
        unwatched = pack(tf.nest.map_structure(tf.stop_gradient, tensors))
        results = tf.function(function, jit_compile=True, autograph=False)(*unwatched)
        structure.append(results)

        def gradient(*cotangents):
            with tf.GradientTape() as tape:
                floats = [t for t in tensors if t.dtype.is_floating]
                tape.watch(floats)
                again = _present(function(*pack(tensors)))
            gradients = iter(tape.gradient(again, floats, output_gradients=list(cotangents)))
            return [next(gradients) if t.dtype.is_floating else None for t in tensors]

        return tuple(_present(results)), gradient

    def pack(tensors):
        return tf.nest.pack_sequence_as(list(arguments), list(tensors))

    present = iter(run(*tf.nest.flatten(arguments)))
    return tf.nest.map_structure(lambda r: None if r is None else next(present), structure[-1])


def _present(results):
    return [r for r in tf.nest.flatten(results) if r is not None]
