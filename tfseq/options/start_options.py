"""Options of a model that starts from weights that are there already, and what it then shares."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from tfseq.errors import InputError
from tfseq.options.rules import CountOrZero, PathText, from_to

Options = TypeVar("Options")

RateFactor = Annotated[float, from_to(1, 100, "a number")]

#: What a model has in common with the one that it starts from, by the names of the options.
SHAPE = (
    *("tokenizer", "normalization", "case_fold", "line_ends"),
    *("cell", "units", "num_layers", "embedding_size", "tie_embeddings"),
    *("skip_connections", "residual", "feed_forward"),
    *("softmax", "num_sampled", "cutoffs", "vocabulary_size"),
)


@dataclasses.dataclass(frozen=True)
class StartOptions:
    """What the weights are at the start, and which of them learn when, and how fast."""

    init_from: PathText | None = None
    """Start from the weights of a language model: its run directory, or a .safetensors, .npz,
    .keras or .h5 file of torch.nn or Keras layers. Cell, sizes, connections and tokenizer are taken
    from it if they are left out; its symbols keep their ids, and new ones are added after them."""
    init_vocabulary: PathText | None = None
    """The tokens of a file that --init-from names, one a line, in the order of its rows."""
    word_vectors: PathText | None = None
    """A file of word vectors to start the embedding from: word2vec (text or binary), GloVe or
    fastText .vec, .gz too. It sets the size of the embedding if that is left out."""
    freeze_embeddings: bool = False
    """With --init-from or --word-vectors: keep the embedding as it is."""
    unfreeze_epochs: CountOrZero = 0
    """With --init-from: the output layer learns first, and every so many epochs the next lower
    layer begins to learn, down to the embedding (gradual unfreezing, arXiv 1801.06146); 0: all
    learn from the start."""
    layer_rate_factor: RateFactor = 1.0
    """With --init-from: the learning rate of each layer is that of the layer above divided by this;
    2.6 in ULMFiT (arXiv 1801.06146)."""

    def check_start(self) -> None:
        """Raise InputError where options need a start that there is not, or two are named."""
        if self.init_from is not None and self.word_vectors is not None:
            raise InputError(
                "`init_from` and `word_vectors` exclude each other: both give the embedding. "
                f"Received: {self.init_from} and {self.word_vectors}."
            )
        if self.init_vocabulary is not None and self.init_from is None:
            raise InputError("`init_vocabulary` needs `init_from`, a file of weights.")
        if self.freeze_embeddings and self.init_from is None and self.word_vectors is None:
            raise InputError(
                "`freeze_embeddings` needs `init_from` or `word_vectors`: an embedding that begins "
                "with random numbers has to learn."
            )
        if self.init_from is None:
            for name in ("unfreeze_epochs", "layer_rate_factor"):
                if getattr(self, name) != getattr(StartOptions, name):
                    raise InputError(
                        f"`{name}` needs `init_from`: layers that begin with random numbers learn "
                        f"together. Received: {getattr(self, name):g}."
                    )


def with_shape_of(options: Options, source: Mapping[str, Any], place: str) -> Options:
    """Options of a model that starts from another: what was left out is as it is there.

    An option that has its default counts as left out.

    Args:
        options: a dataclass with some of the fields in `SHAPE`.
        source: options of the model that is there.
        place: how an error calls it.

    Raises:
        InputError: an option that was given is another there; names all of them.

    >>> Options = dataclasses.make_dataclass("Options", [("cell", "str", "gru")])
    >>> with_shape_of(Options(), {"cell": "lstm"}, "runs/docs")
    Options(cell='lstm')
    """
    filled = filled_from(options, source)
    given = {n: v for n in SHAPE if (v := getattr(filled, n, None)) is not None}
    check_shape(given, source, place)
    free = {"num_sampled", *(n for n in given if _is_resampled(n, given[n], source))}
    taken = [n for n in given if n in source and n not in free]
    return dataclasses.replace(filled, **{name: _plain(source[name]) for name in taken})


def filled_from(options: Options, source: Mapping[str, Any]) -> Options:
    """The options with those of `SHAPE` that have their default as they are in the source."""
    usual = {field.name: field.default for field in dataclasses.fields(options)}
    shape = shape_of(source, usual)
    left_out = {n: v for n, v in shape.items() if getattr(options, n) == usual[n]}
    return dataclasses.replace(options, **left_out)


def shape_of(source: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """What a source says of the options in `SHAPE` that are among `names`.

    >>> shape_of({"units": [8, 4], "epochs": 3}, {"units", "cell"})
    {'units': (8, 4)}
    """
    return {name: _plain(source[name]) for name in SHAPE if name in source and name in names}


def check_shape(given: Mapping[str, Any], source: Mapping[str, Any], place: str) -> None:
    """Raise InputError where options that were given are others in the model to start from.

    >>> check_shape({"cell": "gru"}, {"cell": "lstm", "units": 8}, "runs/docs")
    Traceback (most recent call last):
    tfseq.errors.InputError: `init_from` runs/docs has another model: its `cell` is 'lstm', and
    'gru' was asked for. Leave the option out, or start from a run that has `cell` 'gru'.
    """
    differing = {n: v for n, v in given.items() if n in SHAPE and not _agrees(n, given, source)}
    if not differing:
        return
    there = "; ".join(
        f"its `{n}` is {source[n]!r}, and {v!r} was asked for" for n, v in differing.items()
    )
    wanted = " and ".join(f"`{name}` {value!r}" for name, value in differing.items())
    raise InputError(
        f"`init_from` {place} has another model: {there}. Leave the "
        f"option{'s' if len(differing) > 1 else ''} out, or start from a run that has {wanted}."
    )


def _agrees(name: str, given: Mapping[str, Any], source: Mapping[str, Any]) -> bool:
    value = _plain(given[name])
    if name == "num_sampled" or _is_resampled(name, value, source):
        return True
    if name != "units" or name not in source:
        return name not in source or value in (None, _plain(source[name]))
    sizes = _sizes(source["units"], source.get("num_layers") or 1)
    return value is None or sizes == (
        _sizes(value, len(sizes)) if isinstance(value, int) else value
    )


def _is_resampled(name: str, value: Any, source: Mapping[str, Any]) -> bool:
    """Whether a model with a full softmax is to go on with a sampled one: it is the same model."""
    return name == "softmax" and value == "sampled" and source.get(name, "full") == "full"


def _sizes(units: int | Sequence[int], num_layers: int) -> tuple[int, ...]:
    return (units,) * num_layers if isinstance(units, int) else tuple(units)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
