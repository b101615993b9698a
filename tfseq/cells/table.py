"""The built-in cells, each described once; every list of cells in the library is made of this."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated

from tfseq.options.parts import Part, PartTable
from tfseq.options.rules import Rule


@dataclasses.dataclass(frozen=True)
class CellKind:
    """What the library says and knows about a built-in cell.

    Attributes:
        name: what options call it.
        title: what reports call it.
        place: where its class stands, as `module:Name`.
        states: the names of its states.
        keras_name: the class in `keras.layers` with the same weights in the same order, if any. The
            cells of the textbook have one.
        native_blocks: for each of Keras' blocks of columns, the place that PyTorch and cuDNN have
            it at, a permutation that is its own inverse; empty where they have no such cell.
        native_biases: how many biases of its own the cell needs to hold the two that they have.
        native_activations: names of `activation` (and `recurrent_activation`) that they apply.
    """

    name: str
    title: str
    place: str
    states: tuple[str, ...] = ("h",)
    keras_name: str | None = None
    native_blocks: tuple[int, ...] = ()
    native_biases: int = 1
    native_activations: tuple[tuple[str, ...], ...] = ()

    @property
    def state(self) -> str:
        """The state in a formula: `h`, or `[h, c]`."""
        return self.states[0] if len(self.states) == 1 else f"[{', '.join(self.states)}]"

    @property
    def classes(self) -> tuple[type, ...]:
        """Its class, and that of Keras. Not their subclasses: their equations may be others."""
        import keras

        theirs = [getattr(keras.layers, self.keras_name)] if self.keras_name else []
        return (CELLS.find(self.place), *theirs)


KINDS = (
    CellKind(
        name="rnn",
        title="simple RNN",
        place="tfseq.cells:SimpleRNNCell",
        keras_name="SimpleRNNCell",
        native_blocks=(0,),
        native_activations=(("tanh",), ("relu",)),
    ),
    CellKind(
        name="gru",
        title="GRU",
        place="tfseq.cells:GRUCell",
        keras_name="GRUCell",
        # z, r, h in Keras; r, z, n in PyTorch.
        native_blocks=(1, 0, 2),
        native_biases=2,
        native_activations=(("tanh", "sigmoid"),),
    ),
    CellKind(
        name="lstm",
        title="LSTM",
        place="tfseq.cells:LSTMCell",
        states=("h", "c"),
        keras_name="LSTMCell",
        native_blocks=(0, 1, 2, 3),
        native_activations=(("tanh", "sigmoid"),),
    ),
    CellKind(name="min_gru", title="minGRU", place="tfseq.cells:MinGRUCell"),
    CellKind(name="min_lstm", title="minLSTM", place="tfseq.cells:MinLSTMCell"),
    CellKind(name="rg_lru", title="RG-LRU", place="tfseq.cells:RGLRUCell"),
    CellKind(
        name="layer_norm_lstm",
        title="layer-normalised LSTM",
        place="tfseq.cells:LayerNormLSTMCell",
        states=("h", "c"),
    ),
    CellKind(
        name="mogrifier",
        title="Mogrifier LSTM",
        place="tfseq.cells:MogrifierCell",
        states=("h", "c"),
    ),
)
#: Those that Keras and PyTorch have too.
TEXTBOOK_KINDS = tuple(kind for kind in KINDS if kind.keras_name)
#: The cells that options name; a cell of one's own is `module:Name`.
CELLS = PartTable("cell", {kind.name: kind.place for kind in KINDS})
CellName = Annotated[Part, CELLS.rule]
_CELL = Rule(
    "A cell is made by a class or function `units -> cell`, and must have `call(inputs, states)` "
    "and `state_size`",
    lambda made: callable(getattr(made, "call", None)) and hasattr(made, "state_size"),
)


def cell_title(name: str) -> str:
    """What reports call the cell that an option names: one's own by its name."""
    return next((kind.title for kind in KINDS if kind.name == name), name)


def kind_of(cell) -> CellKind | None:
    """The kind of a cell of tfseq or of Keras; None for any other, subclasses included."""
    return _kinds().get(type(cell))


def runs_natively(cell) -> bool:
    """Whether PyTorch and cuDNN have the equation of a cell that has a kind."""
    import keras

    used = activations_of(cell)
    possible = (
        [getattr(keras.activations, name) for name in names]
        for names in kind_of(cell).native_activations
    )
    return used in possible and bool(getattr(cell, "reset_after", True))


def activations_of(cell) -> list[Callable]:
    """φ, and σ where there are gates."""
    gates = [cell.recurrent_activation] if hasattr(cell, "recurrent_activation") else []
    return [cell.activation, *gates]


def register_cells() -> None:
    """Import all of them, so that Keras finds them in a saved model."""
    _kinds()


@functools.cache
def _kinds() -> dict[type, CellKind]:
    return {cls: kind for kind in KINDS for cls in kind.classes}


def checked_cell(argument: str, cell):
    """`cell`, if `make_cell` can make one of it; a name registered with Keras, as what has it.

    Args:
        argument: how the caller names `cell`, for the error.
        cell: a name of `CELLS`, `module:Name`, or a class or function `units -> cell`; or the name
            that such a one is registered under, as a configuration keeps it.

    Raises:
        ValueError: if it is none of these.
    """
    import keras

    if isinstance(cell, str):
        registered = cell not in CELLS.built_in and keras.saving.get_registered_object(cell)
        if not registered:
            PartTable(argument, CELLS.built_in).find(cell)
        return registered or cell
    if not callable(cell) or isinstance(cell, keras.layers.Layer):
        raise ValueError(
            f"`{argument}` must be {CELLS.words}, or a class or function `units -> cell`. "
            f"Received: {argument}={cell!r}."
        )
    return cell


def cell_name(argument: str, cell) -> str:
    """The name that a configuration keeps, by which `checked_cell` knows `cell` again.

    Raises:
        ValueError: if it has none: a lambda that is not registered with Keras, say.
    """
    import keras

    if isinstance(cell, str):
        return cell
    if hasattr(cell, "__name__"):
        name = keras.saving.get_registered_name(cell)
        if keras.saving.get_registered_object(name) is cell:
            return name
    try:
        name = CELLS.name(cell)
        if CELLS.find(name) is cell:
            return name
    except ValueError:
        pass
    raise ValueError(
        f"`{argument}` must be registered with `keras.saving.register_keras_serializable`, or "
        f"stand at the top of a module, for the model to be saved. Received: {argument}={cell!r}."
    )


def make_cell(cell, units: int, dtype):
    """A cell of `units`; one of the table has `dtype`, the others choose their own.

    Raises:
        InputError: if what is made is no cell, or a cell of one's own raises an error.
    """
    settings = {"dtype": dtype} if cell in tuple(CELLS.built_in) else {}
    return CELLS.make(cell, _CELL, units, **settings)
