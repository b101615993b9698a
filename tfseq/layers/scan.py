"""A recurrent layer whose step is linear in the state, computed for all steps at once."""

from typing import Any

import keras
from keras import ops

from tfseq.layers.lookup import lookup_of


def linear_scan(a, b, initial_state) -> Any:
    """All H_t = A_t ⊙ H_{t-1} + B_t, in a number of operations that grows with log₂ T.

    Two steps are one step of the same form, H_{t+1} = A_{t+1} A_t ⊙ H_{t-1} + (A_{t+1} ⊙ B_t +
    B_{t+1}): half as many of them give every second state, and one more operation the others. It
    is an associative scan over pairs (A, B) (Blelloch, 1990,
    https://www.cs.cmu.edu/~guyb/papers/Ble93.pdf), with some three times the arithmetic of T single
    steps. The gradient is a scan as well, backwards: ∂L/∂B_t = ∂L/∂H_t + A_{t+1} ⊙ ∂L/∂B_{t+1}.

    Args:
        a, b: `[batch, time, units]`; the number of steps must be known, and not zero.
        initial_state: H_0, `[batch, units]`.

    Returns:
        H_1 … H_T, `[batch, time, units]`.

    Example:

    >>> a, b = ops.array([[[0.5], [0.5], [0.0]]]), ops.array([[[1.0], [2.0], [3.0]]])
    >>> linear_scan(a, b, ops.array([[4.0]])).numpy().ravel()
    array([3. , 3.5, 3. ], dtype=float32)
    """

    @ops.custom_gradient
    def run(a, b, initial_state):
        first = a[:, :1] * initial_state[:, None] + b[:, :1]
        h = _scan_from_zero(a, ops.concatenate([first, b[:, 1:]], axis=1))

        def gradient(*cotangents, upstream=None):
            d = cotangents[0] if upstream is None else upstream
            following = ops.concatenate([a[:, 1:], ops.zeros_like(a[:, :1])], axis=1)
            zeros = ops.zeros_like(initial_state)
            d_b = linear_scan(ops.flip(following, axis=1), ops.flip(d, axis=1), zeros)
            d_b = ops.flip(d_b, axis=1)
            before = ops.concatenate([initial_state[:, None], h[:, :-1]], axis=1)
            return d_b * before, d_b, d_b[:, 0] * a[:, 0]

        return h, gradient

    return run(a, b, initial_state)


def _scan_from_zero(a, b):
    num_steps = a.shape[1]
    if num_steps == 1:
        return b
    (a_1, a_2), (b_1, b_2) = _pairs(a), _pairs(b)
    second = _scan_from_zero(a_2 * a_1, a_2 * b_1 + b_2)
    before = ops.concatenate([ops.zeros_like(second[:, :1]), second[:, :-1]], axis=1)
    pairs = ops.stack([a_1 * before + b_1, second], axis=2)
    return ops.reshape(pairs, (-1, 2 * pairs.shape[1], *pairs.shape[3:]))[:, :num_steps]


def _pairs(steps):
    """The first, third, … of `steps` `[batch, time, …]`, and those that follow them."""
    if steps.shape[1] % 2:
        steps = ops.concatenate([steps, ops.zeros_like(steps[:, :1])], axis=1)
    pairs = ops.reshape(steps, (-1, steps.shape[1] // 2, 2, *steps.shape[2:]))
    return pairs[:, :, 0], pairs[:, :, 1]


def has_linear_steps(cell) -> bool:
    """Whether `cell` says what its step is for all steps at once.

    A method `linear_steps` counts that stands at least as far down among the cell's classes as
    its `call` and `recur` do: of a step that a subclass has written anew, it knows nothing.
    """
    classes = type(cell).__mro__

    def depth(name):
        return next((i for i, c in enumerate(classes) if name in vars(c)), len(classes))

    named = depth("linear_steps")
    return named < len(classes) and all(named <= depth(name) for name in ("call", "recur"))


def scans(layer, sequences, training) -> bool:
    """Whether `layer` is to run by a scan, as `layer.parallel` says, or as is likely faster.

    By itself it does where the other way is a loop of single operations: a compiled loop goes once
    through the memory, a scan several times. On a CPU the compiled loop took less time at all sizes
    tried, from 35 steps of 32 rows to 2,048 of one.
    """
    num_steps = sequences.shape[1]
    if not (isinstance(num_steps, int) and num_steps > 0) or not has_linear_steps(layer.cell):
        return False
    if layer.parallel is not None:
        return layer.parallel
    if layer.unroll or layer.recompute_steps is not None:
        return False
    if keras.backend.backend() == "jax":
        return any(not name.startswith("cpu") for name in keras.distribution.list_devices())
    if keras.backend.backend() != "tensorflow":
        return True
    # Imported here: the layers need Keras alone where another backend runs them.
    from tfseq.layers.tensorflow.tensorflow_loop import is_run_by_xla

    by_xla = is_run_by_xla(sequences, training)
    return lookup_of(sequences) is None and not by_xla


def run_scan(layer, sequences, initial_state, mask, resets=None) -> tuple:
    """What `keras.layers.RNN.inner_loop` returns: the last output, all outputs, the final state.

    Before a step of which `resets`, bool `[batch, time]`, says so, H_{t-1} ← 0: there A_t is zero.
    """
    layer.last_loop = "scan"
    if keras.backend.backend() == "tensorflow":
        from tfseq.layers.tensorflow.whole_step import list_loop

        list_loop("scan")
    a, b = layer.cell.linear_steps(sequences)
    (h,) = initial_state if isinstance(initial_state, list | tuple) else [initial_state]
    dtype = h.dtype
    if keras.backend.standardize_dtype(dtype) in ("float16", "bfloat16"):
        a, b, h = (ops.cast(tensor, "float32") for tensor in (a, b, h))
    if resets is not None:
        a = ops.where(resets[:, :, None], ops.zeros_like(a), a)
    if layer.go_backwards:
        a, b = ops.flip(a, axis=1), ops.flip(b, axis=1)
    if mask is not None:
        mask = ops.cast(mask, "bool")
        mask = mask if len(mask.shape) == 3 else mask[:, :, None]
        mask = ops.flip(mask, axis=1) if layer.go_backwards else mask
        a, b = ops.where(mask, a, ops.ones_like(a)), ops.where(mask, b, ops.zeros_like(b))
    outputs = linear_scan(a, b, h)
    final = outputs[:, -1]
    if mask is not None:
        # What a masked step repeats is the output before it, zero before the first.
        known = mask if layer.zero_output_for_mask else ops.cumsum(ops.cast(mask, "int32"), 1) > 0
        outputs = ops.where(known, outputs, ops.zeros_like(outputs))
    outputs, final = ops.cast(outputs, dtype), ops.cast(final, dtype)
    return outputs[:, -1], outputs, [final]
