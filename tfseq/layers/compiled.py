"""Functions compiled by XLA whose gradients are not."""

import tensorflow as tf


def compiled(function):
    """`function`, compiled by XLA for the static shapes of its arguments.

    XLA cannot hand out the stacks of tensors that TensorFlow's gradient of a loop reads. A
    gradient through the result therefore runs `function` again, of single operations, and
    differentiates that: slow, but right, and asked for by gradients of gradients only.

    Args:
        function: from nested tensors to nested tensors; None may stand among the results.

    Returns:
        A function of the same arguments. Calls with the same shapes share what was compiled.

    Example:

    >>> square = compiled(lambda x: [x * x])
    >>> x = tf.constant([1.0, 2.0])
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     (y,) = square(x)
    >>> y.numpy(), tape.gradient(y, x).numpy()
    (array([1., 4.], dtype=float32), array([2., 4.], dtype=float32))
    """
    by_xla = tf.function(function, jit_compile=True, autograph=False)

    def run(*arguments):
        structure = []

        def pack(tensors):
            return tf.nest.pack_sequence_as(list(arguments), list(tensors))

        @tf.custom_gradient
        def run_flat(*tensors):
            # Stopped, or two tapes around it would have it hand out what its own gradient needs.
            results = by_xla(*pack(map(tf.stop_gradient, tensors)))
            structure.append(results)

            def gradient(*cotangents):
                floats = [t for t in tensors if t.dtype.is_floating]
                with tf.GradientTape() as tape:
                    tape.watch(floats)
                    again = _present(function(*pack(tensors)))
                gradients = iter(tape.gradient(again, floats, output_gradients=list(cotangents)))
                return [next(gradients) if t.dtype.is_floating else None for t in tensors]

            return tuple(_present(results)), gradient

        present = iter(run_flat(*tf.nest.flatten(arguments)))
        return tf.nest.map_structure(lambda r: None if r is None else next(present), structure[-1])

    return run


def _present(results):
    return [r for r in tf.nest.flatten(results) if r is not None]
