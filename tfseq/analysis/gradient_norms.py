"""How far gradients reach back in time."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tfseq.models import LanguageModel


@dataclasses.dataclass(frozen=True)
class GradientNorms:
    """Norms of derivatives with respect to the states of each layer and step.

    Attributes:
        loss: float64 `[num_layers, T]`; entry `[l, t - 1]` is ‖∂L_T/∂s_t‖₂ of layer l.
        states: float64 `[num_layers, T]`; entry `[l, t - 1]` is ‖∂s_T/∂s_t‖ of layer l; None
            where it was not asked for.
    """

    loss: np.ndarray
    states: np.ndarray | None


def gradient_norms_through_time(
    model: LanguageModel,
    batch: Sequence,
    part: Literal["state", "h", "c"] = "state",
    norm: Literal["spectral", "frobenius"] | None = "spectral",
    states: list | None = None,
) -> GradientNorms:
    """‖∂L_T/∂s_t‖ and ‖∂s_T/∂s_t‖ for t = 1, ..., T, each the mean over the rows of the batch.

    L_T = −log P(y_T | x_1, ..., x_T) is the loss of a row's last target alone, and s_t the state
    after x_t has been read. With J_k = ∂s_k/∂s_{k-1},

        ∂s_T/∂s_t = J_T J_{T-1} ... J_{t+1},   ∂L_T/∂s_t = ∂L_T/∂s_T · ∂s_T/∂s_t

    for one layer. In a stack, a layer's loss derivative counts the ways through the layers above
    it too; ∂s_T/∂s_t stays within the layer, as there is no way back down to it.

    The state is h, and for an LSTM the pair [h, c] as one vector of twice the units: its memory
    c is what carries gradients far, and ∂h_T/∂h_t alone leaves that way out. `part="h"` and
    `part="c"` take one of the two, the other one held fixed at t.

    Derivatives are pulled back step by step, each row's length being kept apart in float64: they
    may become as small as 1e-300 without being lost in float32. Dropout does not act.

    Args:
        model: the language model, of any number of layers.
        batch: `(inputs, targets)`, int `[B, T]` each, as the windows give them.
        part: "state" for all of the state, "h" for its first part, "c" for an LSTM's memory.
        norm: of ∂s_T/∂s_t, the largest singular value or the root of the sum of squares; None
            leaves it out, which saves most of the time.
        states: what the first step starts from, as `model.initial_states` gives it; None for
            zeros.

    Raises:
        ValueError: an argument breaks its rule, the outputs of the model's cells are not their
            first state, or its layers have skip or residual connections.

    Example:

    >>> model = LanguageModel(5, cell="lstm", units=4, num_layers=2)
    >>> ids = np.array([[0, 1, 2, 3, 4]])
    >>> norms = gradient_norms_through_time(model, (ids[:, :-1], ids[:, 1:]))
    >>> norms.loss.shape, norms.states[:, -1]
    ((2, 4), array([1., 1.]))

    Source: Pascanu et al., On the difficulty of training recurrent neural networks, ICML 2013.
    """
    inputs, targets = _checked(batch)
    if norm not in ("spectral", "frobenius", None):
        raise ValueError(f"`norm` must be 'spectral', 'frobenius' or None. Received: {norm!r}.")
    if not model.stack.connections.plain:
        raise ValueError(
            "each layer of the model must read the outputs of the one below alone, without skip or "
            "residual connections."
        )
    states = model.initial_states(len(inputs)) if states is None else states
    states = [list(s) if isinstance(s, list | tuple) else [s] for s in states]
    taken = _taken(part, states)
    trace, states = _forward(model, inputs, states)
    pull_backs = [_pull_back(rnn.cell) for rnn in model.stack.rnns]

    from_top = _loss_gradient(model, states[-1][0], targets[:, -1])
    loss = _loss_norms(trace, states, from_top, pull_backs, taken)
    if norm is None:
        return GradientNorms(loss, None)
    products = [
        _product_norms([reads[layer] for reads in trace], pull_back, taken, norm)
        for layer, pull_back in enumerate(pull_backs)
    ]
    return GradientNorms(loss, np.array(products))


def _forward(model: LanguageModel, inputs: np.ndarray, states: list) -> tuple[list, list]:
    """What each layer reads at each step, `trace[step][layer] = (input, states)`; last states."""
    trace = []
    for ids in inputs.T:
        reads, states_after = [], []
        layer_input = model.step_inputs(tf.constant(ids))
        for rnn, before in zip(model.stack.rnns, states, strict=True):
            reads.append((layer_input, before))
            layer_input, after = rnn.cell(layer_input, before, training=False)
            if layer_input is not after[0]:
                raise ValueError(
                    "the outputs of the model's cells must be their first state. Received: "
                    f"{type(rnn.cell).__name__}."
                )
            states_after.append(list(after))
        trace.append(reads)
        states = states_after
    return trace, states


def _loss_norms(trace, states, from_top, pull_backs, taken) -> np.ndarray:
    """Back-propagation of the last loss: from the top layer down, from the last step back."""
    carried = [[tf.zeros_like(s) for s in state] for state in states]
    from_above, scale, norms = from_top, np.ones(from_top.shape[0]), []
    for reads in reversed(trace):
        at_step = []
        for layer in reversed(range(len(reads))):
            h, *others = carried[layer]
            gradient = [h + from_above, *others]
            lengths = np.linalg.norm(_joined(gradient[taken]), axis=1)
            at_step.append((lengths * scale).mean())
            from_above, carried[layer] = pull_backs[layer](*reads[layer], gradient)
        norms.append(at_step[::-1])
        # Only the last step has a loss.
        from_above = tf.zeros_like(from_top)
        carried, scale = _rescaled(carried, scale)
    return np.array(norms[::-1]).T


def _product_norms(reads, pull_back, taken, norm) -> np.ndarray:
    """Norms of J_T ... J_{t+1} of one layer, its rows pulled back side by side."""
    _, state = reads[0]
    rows, dtype = state[0].shape[0], state[0].dtype
    sizes = [s.shape[1] for s in state]
    ends = np.cumsum(sizes)
    wanted = range(ends[taken][0] - sizes[taken][0], ends[taken][-1])
    blocks = np.split(np.eye(ends[-1])[wanted], ends[:-1], axis=1)
    product = [tf.constant(np.tile(block, (rows, 1)), dtype) for block in blocks]
    scale, norms = np.ones(rows), []
    for inputs, before in reversed(reads):
        columns = _joined(product[taken]).reshape(rows, len(wanted), -1)
        order = 2 if norm == "spectral" else "fro"
        norms.append((np.linalg.norm(columns, order, axis=(1, 2)) * scale).mean())
        inputs, *before = (tf.repeat(tensor, len(wanted), axis=0) for tensor in (inputs, *before))
        _, product = pull_back(inputs, before, product)
        (product,), scale = _rescaled([product], scale)
    return np.array(norms[::-1])


def _pull_back(cell: keras.Layer) -> Callable:
    """`(inputs, states, v) -> (v · ∂s'/∂inputs, v · ∂s'/∂states)` for one step of a cell."""

    def pull_back(inputs, states, cotangents):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            sources = [inputs, states] if inputs.dtype.is_floating else [states]
            tape.watch(sources)
            _, after = cell(inputs, states, training=False)
        gradients = tape.gradient(after, sources, cotangents, "zero")
        return (gradients[0] if len(sources) == 2 else None), gradients[-1]

    return pull_back


def _loss_gradient(model: LanguageModel, hidden: tf.Tensor, targets: np.ndarray) -> tf.Tensor:
    """Each row's ∂(−log P(target))/∂h."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(hidden)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, model.logits(hidden))
    return tape.gradient(losses, hidden)


def _rescaled(layers: list, scale: np.ndarray) -> tuple[list, np.ndarray]:
    """The same derivatives with entries of at most 1, and what to multiply each row by."""
    rows = len(scale)
    largest = np.max([np.abs(_joined(s)).reshape(rows, -1).max(axis=1) for s in layers], axis=0)
    largest[largest == 0] = 1.0
    layers = [
        [s / tf.cast(np.repeat(largest, s.shape[0] // rows), s.dtype)[:, None] for s in state]
        for state in layers
    ]
    return layers, scale * largest


def _joined(tensors: Sequence) -> np.ndarray:
    """The parts of a state as one vector a row, in float64."""
    return np.concatenate([np.asarray(tf.cast(t, "float64")) for t in tensors], axis=1)


def _taken(part: str, states: list) -> slice:
    places = {"state": slice(None), "h": slice(0, 1), "c": slice(1, 2)}
    if part not in places or (part == "c" and len(states[0]) < 2):
        raise ValueError(
            "`part` must be 'state', 'h', or, for a cell with a memory beside it, 'c'. "
            f"Received: {part!r}, with {len(states[0])} state(s)."
        )
    return places[part]


def _checked(batch: Sequence) -> list[np.ndarray]:
    arrays = [np.asarray(array) for array in batch]
    if (
        len(arrays) != 2
        or any(a.ndim != 2 or a.dtype.kind not in "iu" for a in arrays)
        or arrays[0].shape != arrays[1].shape
        or not arrays[0].size
    ):
        raise ValueError(
            "`batch` must be (inputs, targets), integers of one shape [B, T], not empty. "
            f"Received: {[(a.dtype.name, a.shape) for a in arrays]}."
        )
    return [a.astype("int32") for a in arrays]
