"""Weights from and to `torch.nn.RNN`, `GRU` and `LSTM`, as state dicts of NumPy arrays."""

from collections.abc import Mapping

import keras
import numpy as np

from tfseq.cells.table import activations_of, kind_of, runs_natively
from tfseq.interop.cells import assign_weights, cells_by_layer, feature_sizes, flat


def load_torch_weights(layer: keras.Layer, state_dict: Mapping) -> None:
    """Gives `layer` the weights of a PyTorch network, so that both compute the same numbers.

    PyTorch keeps `weight_ih [blocks * units, features]`, `weight_hh [blocks * units, units]` and
    two biases. The weights are transposed, a GRU's blocks r, z, n become z, r, h, and the two
    biases of an RNN or LSTM are added. A network without biases leaves zeros. Whether an
    `nn.RNN` applies tanh or relu is not in its state dict: give the cell the same `activation`.
    A layer with `go_backwards` gives what the network gives on the reversed sequence.

    Args:
        layer: a `tfseq.RNN`, a `RecurrentStack`, or a cell. It is built if need be.
        state_dict: arrays (or CPU tensors) by name, as `module.state_dict()` of `torch.nn.RNN`,
            `GRU`, `LSTM` or one of their cells has them.

    Raises:
        ValueError: if a name is missing or left over, a shape does not fit, or `layer` computes
            what PyTorch does not: a GRU with `reset_after=False`, other activations, no bias
            where the state dict has one. `layer` is then as it was.

    Example:

    >>> from tfseq.cells import SimpleRNNCell
    >>> cell = SimpleRNNCell(1)
    >>> load_torch_weights(cell, {"weight_ih": [[2.0]], "weight_hh": [[3.0]],
    ...                           "bias_ih": [0.5], "bias_hh": [0.25]})
    >>> [w.tolist() for w in cell.get_weights()]
    [[[2.0]], [[3.0]], [0.75]]
    """
    layers = cells_by_layer("layer", layer)
    _check_representable(layers)
    if not isinstance(state_dict, Mapping):
        raise ValueError(
            "`state_dict` must map names to arrays, as `module.state_dict()` does. "
            f"Received: {type(state_dict).__name__}."
        )
    arrays = {name: _as_array(name, value) for name, value in state_dict.items()}
    suffixes = _suffixes(layers, plain="weight_ih" in arrays)
    _check_names(arrays, suffixes)
    first = arrays["weight_ih" + suffixes[0][0]]
    sizes = feature_sizes(layers, first.shape[1] if first.ndim == 2 else 0)
    cells = list(zip(flat(layers), flat(suffixes), flat(sizes), strict=True))
    weights = [_weights_of(*entry, arrays) for entry in cells]
    for (cell, _, _), (kernel, recurrent_kernel, bias) in zip(cells, weights, strict=True):
        assign_weights(cell, kernel, recurrent_kernel, bias)


def torch_state_dict(layer: keras.Layer) -> dict[str, np.ndarray]:
    """The weights of `layer` as the state dict of the PyTorch network that computes the same.

    `torch.nn.RNN`, `GRU` or `LSTM`, with `batch_first=True` and the same sizes, takes them by
    `module.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})`. An RNN
    or LSTM has one bias here: it becomes `bias_ih`, and `bias_hh` is zero.

    Args:
        layer: a built `tfseq.RNN`, `RecurrentStack` or cell; the names of a cell carry no suffix.

    Raises:
        ValueError: if `layer` is not built, or computes what PyTorch does not: a GRU with
            `reset_after=False`, other activations, layers of several sizes.

    Example:

    >>> from tfseq.layers import RecurrentStack
    >>> stack = RecurrentStack("gru", units=4, num_layers=2)
    >>> stack.build((None, None, 3))
    >>> {name: array.shape for name, array in torch_state_dict(stack).items() if "l0" in name}
    {'weight_ih_l0': (12, 3), 'weight_hh_l0': (12, 4), 'bias_ih_l0': (12,), 'bias_hh_l0': (12,)}
    """
    layers = cells_by_layer("layer", layer)
    _check_representable(layers)
    cells = flat(layers)
    if not all(cell.built for cell in cells):
        raise ValueError("`layer` must be built: call it, or its `build`, first.")
    for name in ("use_bias", "activation"):
        if len({getattr(cell, name) for cell in cells}) > 1:
            raise ValueError(
                f"`layer` must have the same `{name}` in all cells, as a PyTorch network has. "
                f"Received: {[getattr(cell, name) for cell in cells]}."
            )
    arrays = {}
    for cell, suffix in zip(cells, flat(_suffixes(layers, plain=layer is cells[0])), strict=True):
        order = kind_of(cell).native_blocks
        kernel, recurrent_kernel, *bias = (_reorder(order, array) for array in cell.get_weights())
        arrays["weight_ih" + suffix] = kernel.T
        arrays["weight_hh" + suffix] = recurrent_kernel.T
        if bias:
            two = bias[0] if bias[0].ndim == 2 else (bias[0], np.zeros_like(bias[0]))
            arrays["bias_ih" + suffix], arrays["bias_hh" + suffix] = two
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _as_array(name, value):
    """`value`, an array or a tensor of PyTorch (a parameter, too), as a NumPy array of numbers."""
    what = f"`state_dict[{name!r}]` must be an array of real numbers"
    try:
        array = np.asarray(value.detach() if hasattr(value, "detach") else value)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{what}, or a CPU tensor of a dtype that NumPy has. Received: {type(value).__name__}, "
            f"which it cannot take: {error}"
        ) from error
    if array.dtype.kind in "cOSU":
        raise ValueError(f"{what}. Received: dtype={array.dtype}.")
    return array


def _reorder(order, array):
    blocks = np.split(array, len(order), axis=-1)
    return np.concatenate([blocks[i] for i in order], axis=-1)


def _suffixes(layers, plain):
    """What PyTorch appends to the names of each cell's weights."""
    if plain and len(layers) == len(layers[0]) == 1:
        return [[""]]
    return [
        [f"_l{depth}{direction}" for direction in ("", "_reverse")[: len(cells)]]
        for depth, cells in enumerate(layers)
    ]


def _weights_of(cell, suffix, features, arrays):
    """Kernel, recurrent kernel and bias (or None) of `cell`, once their shapes are checked."""
    order = kind_of(cell).native_blocks
    rows = len(order) * cell.units
    shapes = {"weight_ih": (rows, features), "weight_hh": (rows, cell.units)}
    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
    found = []
    for stem, shape in shapes.items():
        array = arrays.get(stem + suffix)
        if array is not None and array.shape != shape:
            raise ValueError(
                f"`state_dict[{stem + suffix!r}]` must have the shape {shape} to fit `layer`. "
                f"Received: shape={array.shape}."
            )
        found.append(None if array is None else _reorder(order, array.T))
    kernel, recurrent_kernel, b_ih, b_hh = found
    if b_ih is None:
        return kernel, recurrent_kernel, None
    if not cell.use_bias and (b_ih.any() or b_hh.any()):
        raise ValueError(
            "`layer` must have `use_bias=True`, because the state dict has biases that are not "
            f"zero: 'bias_ih{suffix}' or 'bias_hh{suffix}'. Received: use_bias=False."
        )
    two = kind_of(cell).native_biases == 2
    return kernel, recurrent_kernel, np.stack([b_ih, b_hh]) if two else b_ih + b_hh


def _check_names(arrays, suffixes):
    if any(name.startswith("weight_hr") for name in arrays):
        raise ValueError(
            "`state_dict` must be of a network without projections (`proj_size=0`): an LSTMCell "
            "has no weight that could hold 'weight_hr_l0'."
        )
    stems = ["weight_ih", "weight_hh"]
    if any(name.startswith("bias") for name in arrays):
        stems += ["bias_ih", "bias_hh"]
    expected = [stem + suffix for suffix in flat(suffixes) for stem in stems]
    missing = [name for name in expected if name not in arrays]
    unknown = [name for name in arrays if name not in expected]
    if missing or unknown:
        raise ValueError(
            "`state_dict` must hold the weights of as many layers and directions as `layer` has, "
            f"{len(suffixes)} and {len(suffixes[0])}. Missing: {missing}. Left over: {unknown}."
        )


def _check_representable(layers):
    if len({len(cells) for cells in layers}) > 1:
        raise ValueError(
            "`layer` must have as many directions in every layer, as a PyTorch network has. "
            f"Received: directions by layer {[len(cells) for cells in layers]}."
        )
    if len({cell.units for cell in flat(layers)}) > 1:
        raise ValueError(
            "`layer` must have the same `units` in all cells, as a PyTorch network has. "
            f"Received: {[cell.units for cell in flat(layers)]}."
        )
    for cell in flat(layers):
        if not getattr(cell, "reset_after", True):
            raise ValueError(
                "A GRUCell in `layer` must have `reset_after=True`: PyTorch's GRU applies the "
                "reset gate after the recurrent product, and no weights make the other form of "
                "it. Received: reset_after=False."
            )
        if not runs_natively(cell):
            names = zip(*kind_of(cell).native_activations, strict=True)
            rules = [" or ".join(map(repr, dict.fromkeys(possible))) for possible in names]
            rule = " and `recurrent_activation` ".join(rules)
            used = [getattr(function, "__name__", function) for function in activations_of(cell)]
            raise ValueError(
                f"A {type(cell).__name__} in `layer` must have `activation` {rule}, as PyTorch's "
                f"network has. Received: {used}."
            )
