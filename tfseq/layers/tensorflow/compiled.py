"""What XLA compiles."""

import tensorflow as tf

from tfseq.layers.tensorflow.differentiation import in_reverse_mode, is_differentiable

# Known to be compiled. TensorFlow has no list of those that XLA lacks. Left out although XLA has
# them, since it computes something else:
# - maxima and minima, and the gradients of relu, elu and their like, where a number is NaN;
# - logarithms, softmax, and roots but those below. XLA joins a product and the subtraction after
#   it in one multiply-add, which does not round the product. What should be zero or more,
#   E[x²] - E[x]², is then a little less, and the largest exponent of a softmax of large logits far
#   from zero.
_OPERATIONS = frozenset(
    "Abs AddN AddV2 Add BatchMatMulV2 BiasAdd BiasAddGrad BroadcastGradientArgs BroadcastTo Cast "
    "ConcatOffset ConcatV2 Const Cos DivNoNan Einsum Equal Erf Exp ExpandDims Expm1 Fill FloorDiv "
    "FloorMod GatherV2 Greater GreaterEqual Identity LeakyRelu LeakyReluGrad Less LessEqual "
    "LogicalAnd LogicalNot LogicalOr MatMul Mean Mul Neg NotEqual OnesLike Pack Pad Prod RealDiv "
    "Reciprocal ReciprocalGrad Reshape Select SelectV2 Shape Sigmoid SigmoidGrad Sign Sin Size "
    "Slice Softplus SoftplusGrad Softsign SoftsignGrad Split SplitV Square SquaredDifference "
    "Squeeze StopGradient StridedSlice StridedSliceGrad Sub Sum Tanh TanhGrad Tile Transpose "
    "Unpack Xdivy Xlogy ZerosLike".split()
)

# Roots are right where no rounding takes what is under them near zero or below: squares, or what is
# made of them by these, and at least this constant. So is a normalisation by E[(x - E[x])²] + ε.
_ROOTS = {"Rsqrt": "Rsqrt", "Sqrt": "Sqrt", "RsqrtGrad": "Rsqrt", "SqrtGrad": "Sqrt"}
_SQUARES = frozenset({"Square", "SquaredDifference"})
_OF_SQUARES = frozenset("Cast ExpandDims Identity Mean Reshape Squeeze Sum".split())
_LEAST_UNDER_A_ROOT = 9e-7


def can_compile(operations) -> bool:
    """Whether XLA is known to have all of `operations`."""
    return all(
        (operation.type in _OPERATIONS and _is_placed(operation)) or _is_right_root(operation)
        for operation in operations
    )


def _is_right_root(operation):
    """Whether it is a root, or the gradient of one, of squares and a constant well above zero."""
    if operation.type.endswith("Grad") and operation.type in _ROOTS:
        root = operation.inputs[0].op
        return root.type == _ROOTS[operation.type] and _is_right_root(root)
    if operation.type not in _ROOTS or operation.inputs[0].op.type not in ("AddV2", "Add"):
        return False
    terms = operation.inputs[0].op.inputs
    for squares, constant in (tuple(terms), tuple(terms)[::-1]):
        value = tf.get_static_value(constant)
        if value is not None and (value >= _LEAST_UNDER_A_ROOT).all() and _is_of_squares(squares):
            return True
    return False


def _is_of_squares(tensor):
    while tensor.op.type in _OF_SQUARES:
        tensor = tensor.op.inputs[0]
    return tensor.op.type in _SQUARES


def _is_placed(operation):
    """Whether a slice's place is known: XLA has hardly any whose place is computed."""
    if operation.type not in ("Slice", "StridedSlice", "StridedSliceGrad"):
        return True
    places = [t for t in operation.inputs if t.dtype in (tf.int32, tf.int64) and t.shape.rank == 1]
    # The gradient of a concatenation has its places from the shapes of what was joined.
    return all(
        place.op.type == "ConcatOffset" or tf.get_static_value(place) is not None
        for place in places
    )


def compiled(function):
    """`function`, compiled by XLA for the static shapes of its arguments.

    XLA cannot hand out the stacks of tensors that TensorFlow's gradient of a loop reads. A
    gradient through the result therefore runs `function` again, of single operations, and
    differentiates that: slow, but right, and asked for by gradients of gradients only.

    The results may hold None. Calls with arguments of the same shapes share what was compiled.

    >>> square = compiled(lambda x: [x * x])
    >>> x = tf.constant([1.0, 2.0])
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     (y,) = square(x)
    >>> y.numpy(), tape.gradient(y, x).numpy()
    (array([1., 4.], dtype=float32), array([2., 4.], dtype=float32))
    """
    by_xla = tf.function(function, jit_compile=True, autograph=False)

    @tf.function(autograph=False)
    def gradients_of_operations(arguments, cotangents):
        results = zip(_present(function(*arguments)), cotangents, strict=True)
        results = [(r, d) for r, d in results if is_differentiable(r)]
        # Not by a tape: through one, `tf.autodiff.ForwardAccumulator` loses sight of cotangents.
        return tf.gradients(
            [r for r, _ in results],
            list(filter(is_differentiable, tf.nest.flatten(arguments))),
            [d for _, d in results],
            unconnected_gradients="zero",
        )

    def run(*arguments):
        structure = []

        def pack(tensors):
            return tf.nest.pack_sequence_as(list(arguments), list(tensors))

        @tf.custom_gradient
        def run_flat(*tensors):
            # Stopped, or two tapes around it would have it hand out what its own gradient needs.
            results = by_xla(*pack(tf.stop_gradient(in_reverse_mode(t)) for t in tensors))
            structure.append(results)

            def gradient(*cotangents):
                present = iter(gradients_of_operations(pack(tensors), cotangents))
                return [next(present) if is_differentiable(t) else None for t in tensors]

            return tuple(_present(results)), gradient

        # Made tensors of this graph: a gradient's gradient must not reach round it to another.
        present = iter(run_flat(*map(tf.identity, tf.nest.flatten(arguments))))
        return tf.nest.map_structure(lambda r: None if r is None else next(present), structure[-1])

    return run


def _present(results):
    return [r for r in tf.nest.flatten(results) if r is not None]
