"""What of a language model is in a file of weights: embedding, recurrent layers, output layer."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfseq.errors import InputError

_CELLS = {1: "rnn", 3: "gru", 4: "lstm"}
_TORCH = re.compile(
    r"(?P<place>.*?)(?P<stem>(?:weight|bias)_(?:ih|hh|hr))"
    r"(?:_l(?P<layer>\d+))?(?P<reverse>_reverse)?(?P<raw>_raw)?"
)
_KERAS = re.compile(r"(?P<place>.*?)(?:vars/(?P<number>\d+)|(?P<name>[a-z_]+)(?::0)?)")
_KERAS_NAMES = {"kernel": 0, "embeddings": 0, "recurrent_kernel": 1, "bias": 2}
_LIKE_EMBEDDING = re.compile(r"emb|encoder|wte|lookup", re.IGNORECASE)


@dataclass(frozen=True)
class Named:
    """An array, the name that it has in the file, and the shape that it has there."""

    name: str
    array: np.ndarray
    shape: tuple[int, ...]


@dataclass(frozen=True)
class FoundLayer:
    """A recurrent layer.

    Attributes:
        name: where it stands in the file.
        cell: "rnn", "gru" or "lstm".
        units: its size.
        features: how wide what it reads is.
        torch: whether `weights` are named and ordered as PyTorch's.
        weights: PyTorch's by the names of a cell, or Keras' as `kernel`, `recurrent_kernel` and
            `bias`.
    """

    name: str
    cell: str
    units: int
    features: int
    torch: bool
    weights: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class FoundWeights:
    """The parts of a language model in a file.

    Attributes:
        layers: the recurrent layers, the lowest first.
        embedding: `[V, E]`, or None.
        output_kernel: `[D, V]`, or None: there is none, or it is the embedding.
        output_bias: `[V]`, or None.
    """

    layers: Sequence[FoundLayer]
    embedding: Named | None
    output_kernel: Named | None
    output_bias: Named | None


def find_weights(arrays: Mapping[str, np.ndarray]) -> FoundWeights:
    """Find the parts of a language model among the arrays of a file, by names and shapes.

    PyTorch's recurrent layers are known by their names, `rnn.weight_ih_l0`, whatever stands before
    (`module.`, `0.rnns.1.`); `_raw` at the end is the matrix that fastai drops weights of. Keras'
    are known by their shapes, a matrix `[U, gates · U]` being the second of three, and stand in the
    order of their names, `lstm`, `lstm_1`. The embedding is a matrix as wide as what the lowest
    layer reads; the output layer is a matrix that reads what the highest one puts out, with a bias.

    Args:
        arrays: from `read_weight_file`.

    Raises:
        InputError: there is no recurrent layer, layers do not fit each other, or something is left
            over. Names what was found, and its shape.

    >>> found = find_weights({
    ...     "encoder.weight": np.zeros((9, 3)), "rnn.weight_ih_l0": np.zeros((16, 3)),
    ...     "rnn.weight_hh_l0": np.zeros((16, 4)), "decoder.weight": np.ones((9, 4)),
    ... })
    >>> [(layer.name, layer.cell, layer.units) for layer in found.layers], found.embedding.name
    ([('rnn, layer 0', 'lstm', 4)], 'encoder.weight')
    """
    torch = any(_torch_match(name) for name in arrays)
    layers, rest = _torch_layers(arrays) if torch else _keras_layers(arrays)
    if not layers:
        raise InputError(
            f"there is no recurrent layer: neither a `weight_ih_l0`, as in PyTorch, nor a layer of "
            f"Keras with a recurrent kernel. It holds {described(arrays)}."
        )
    for below, above in itertools.pairwise(layers):
        if above.features != below.units:
            raise InputError(
                f"{above.name} reads {above.features} numbers, and {below.units} are wanted, those "
                f"of {below.name}: tfseq has no such connections between layers."
            )
    if len({layer.cell for layer in layers}) > 1:
        raise InputError(f"its layers are of several cells: {_names(layers)}.")
    return _ends(layers, rest, torch)


def described(arrays: Mapping[str, np.ndarray], most: int = 8) -> str:
    """Names and shapes, so many at most.

    >>> described({"a": np.zeros((2, 3)), "b": np.zeros(3)}, most=1)
    "'a' (2, 3) and 1 more"
    """
    words = [f"{name!r} {array.shape}" for name, array in arrays.items()]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def _ends(layers, rest, torch) -> FoundWeights:
    features, width = layers[0].features, layers[-1].units
    tables = {n: a for n, a in rest.items() if a.ndim == 2}
    # Where both ends of the stack are as wide, the name alone tells which one a table is.
    embeddings = {
        n: a for n, a in tables.items() if a.shape[1] == features and _LIKE_EMBEDDING.search(n)
    }
    outputs = {n: a.T if torch else a for n, a in tables.items() if n not in embeddings}
    outputs = {n: a for n, a in outputs.items() if a.shape[0] == width}
    if not embeddings:
        embeddings = {n: a for n, a in tables.items() if n not in outputs}
        embeddings = {n: a for n, a in embeddings.items() if a.shape[1] == features}
    embedding = _one(embeddings, "an embedding", rest)
    output = _one(outputs, "an output layer", rest)
    symbols = output.array.shape[1] if output else embedding.array.shape[0] if embedding else None
    biases = {n: a for n, a in rest.items() if a.shape == (symbols,)}
    bias = _one(biases, "an output bias", rest)
    taken = {*embeddings, *outputs, *biases}
    left = {name: array for name, array in rest.items() if name not in taken}
    if left:
        raise InputError(
            f"{described(left)} fits nowhere: beside its layers ({_names(layers)}) an embedding "
            f"(symbols, {features}), an output layer {'(symbols, ' if torch else '('}{width}"
            f"{')' if torch else ', symbols)'} and its bias are wanted."
        )
    if embedding and output and embedding.array.shape[0] != symbols:
        raise InputError(
            f"{embedding.name!r} has the shape {embedding.array.shape}, and ({symbols}, {features})"
            f" is wanted, a row for each symbol of {output.name!r}."
        )
    tied = embedding and output and np.array_equal(embedding.array, output.array.T)
    return FoundWeights(layers, embedding, None if tied else output, bias)


def _one(found, what, rest) -> Named | None:
    """The only one; several that are equal, as of a table that is shared, are one."""
    (name, array), *others = found.items() or [(None, None)]
    for other, value in others:
        if not np.array_equal(value, array):
            raise InputError(
                f"both {name!r} {rest[name].shape} and {other!r} {rest[other].shape} could be "
                f"{what}."
            )
    return None if name is None else Named(name, array, rest[name].shape)


def _torch_match(name: str) -> re.Match | None:
    return _TORCH.fullmatch(name)


def _torch_layers(arrays):
    found: dict[tuple, dict[str, np.ndarray]] = {}
    rest = {}
    for name, array in arrays.items():
        match = _torch_match(name)
        if match is None:
            rest[name] = array
            continue
        if match["reverse"]:
            raise InputError(
                f"{name!r} {array.shape} reads backwards, which no language model does."
            )
        if match["stem"].endswith("hr"):
            raise InputError(
                f"{name!r} {array.shape} is a projection, which tfseq's LSTM does not have."
            )
        place = match["place"].replace("module.", "")
        weights = found.setdefault((_natural(place), int(match["layer"] or 0), place), {})
        if match["raw"] or match["stem"] not in weights:
            weights[match["stem"]] = array
    layers = []
    for (_, number, place), weights in sorted(found.items(), key=lambda item: item[0]):
        name = f"{place.rstrip('.') or 'the network'}, layer {number}"
        if not {"weight_ih", "weight_hh"} <= weights.keys():
            raise InputError(f"{name} lacks its weight_ih or weight_hh: {described(weights)}.")
        w_ih, w_hh = weights["weight_ih"], weights["weight_hh"]
        layers.append(_layer(name, w_ih.T, w_hh.T, torch=True, weights=weights))
    return layers, rest


def _keras_layers(arrays):
    groups: dict[str, dict[int, tuple[str, np.ndarray]]] = {}
    for name, array in arrays.items():
        match = _KERAS.fullmatch(name)
        number = None
        if match:
            number = match["number"] or _KERAS_NAMES.get(match["name"])
        place = match["place"] if match and number is not None else name
        if int(number or 0) in groups.get(place, ()):
            place = name
        groups.setdefault(place, {})[int(number or 0)] = (name, array)
    layers, rest = [], {}
    for place, group in sorted(groups.items(), key=lambda item: _natural(item[0])):
        values = [group[i][1] for i in sorted(group)]
        recurrent = group.get(1, (None, np.zeros(0)))[1]
        if recurrent.ndim != 2 or values[0].ndim != 2:
            rest |= dict(group.values())
            continue
        if "backward" in place:
            raise InputError(f"{place!r} reads backwards, which no language model does.")
        weights = dict(zip(("kernel", "recurrent_kernel", "bias"), values, strict=False))
        name = place.rstrip("/").removesuffix("/cell")
        layer = _layer(name, values[0], recurrent, torch=False, weights=weights)
        if layer.cell == "gru" and len(values) > 2 and values[2].ndim == 1:
            raise InputError(
                f"{name} has the bias {values[2].shape}, and (2, {3 * layer.units}) is wanted: "
                "tfseq's gru is that of `reset_after=True`."
            )
        layers.append(layer)
    return layers, rest


def _layer(name, kernel, recurrent, torch, weights) -> FoundLayer:
    units, columns = recurrent.shape
    cell = _CELLS.get(columns // units if columns % units == 0 else 0)
    if cell is None or kernel.shape[1] != columns:
        raise InputError(
            f"{name} is no SimpleRNN, GRU or LSTM: {described(weights)} are not of 1, 3 or 4 times "
            "as many gates as units."
        )
    return FoundLayer(name, cell, units, kernel.shape[0], torch, weights)


def _names(layers) -> str:
    return ", ".join(f"{layer.name}: {layer.cell} of {layer.units}" for layer in layers)


def _natural(name: str) -> tuple:
    """A key that sorts `lstm_2` before `lstm_10`, and `lstm` before both."""
    parts = re.split(r"(\d+)", name)
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)
