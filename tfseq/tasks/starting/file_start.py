"""A start from a file of weights that another library has trained."""

import hashlib
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfseq.errors import InputError
from tfseq.interop.cells import assign_weights
from tfseq.interop.found_weights import Named, find_weights
from tfseq.interop.torch_weights import load_torch_weights
from tfseq.interop.weight_files import read_weight_file
from tfseq.models.encoder_start import take_layers
from tfseq.models.growing import drawn_rows, take_over
from tfseq.models.language_model import LanguageModel
from tfseq.models.token_encoder import TokenEncoder
from tfseq.options.model.layer_sizes import as_given
from tfseq.options.start_options import with_shape_of
from tfseq.tasks.starting.start import Start, kept
from tfseq.text import Vocabulary
from tfseq.text.vocabulary import UNKNOWN, is_escaped, unescape


class FileStart(Start):
    """A start from the weights of `torch.nn` or Keras layers.

    Args:
        place: the file; see `read_weight_file` and `find_weights`.
        tokens: a file of the tokens that its rows are of, one a line in their order, escaped as in
            `vocabulary.txt` where that is needed; None for a file of recurrent layers alone.

    Raises:
        InputError: a file cannot be read, or what it holds is no language model.
    """

    def __init__(self, place: str, tokens: str | None):
        self.place = place
        arrays = read_weight_file(Path(place))
        try:
            self._found = find_weights(arrays)
        except InputError as error:
            raise InputError(f"`init_from` {place}: {error}") from error
        if self._found.output_kernel and not self._found.embedding:
            raise InputError(
                f"`init_from` {place}: there is no embedding beside the output layer "
                f"{self._found.output_kernel.name!r} {self._found.output_kernel.shape}; a model "
                "that reads one-hot tokens is taken over from a run alone."
            )
        tables = [self._found.embedding, self._found.output_kernel]
        self._tables = [table for table in tables if table]
        self._tokens = self._read_tokens(tokens)
        self.known = tuple(token for token in self._tokens or () if token != UNKNOWN)

    def with_shape(self, options: Any) -> Any:
        found, layers = self._found, self._found.layers
        if getattr(options, "softmax", "full") != "full":
            raise InputError(
                f"`softmax` must be full where `init_from` is a file of weights. Received: "
                f"{options.softmax}. Train a run from the file, and start from that run."
            )
        shape = {
            "cell": layers[0].cell,
            "units": as_given([layer.units for layer in layers]),
            "num_layers": len(layers),
            "embedding_size": layers[0].features,
            "skip_connections": "none",
            "residual": False,
            "feed_forward": 0.0,
        }
        if found.embedding:
            shape["tie_embeddings"] = found.output_kernel is None and self._may_be_tied
        return with_shape_of(options, shape, self.place)

    def apply(self, model: keras.Model, vocabulary: Vocabulary, seed: int) -> None:
        encoder = isinstance(model, TokenEncoder)
        source = self._as_model(vocabulary, seed)
        if encoder:
            take_layers(model, source, seed)
        else:
            take_over(model, source, seed)
        kinds = ["the embedding"] if self._found.embedding else []
        kinds.append(f"{len(self._found.layers)} layers of {self._found.layers[0].cell}")
        output = self._found.output_kernel or self._found.output_bias
        kinds += ["the output layer"] if output and not encoder else []
        symbols = ""
        if self._tokens:
            known = len(self.known) + 1
            symbols = f", {known:,} symbols kept, {len(vocabulary) - known:,} added"
        self.note = f"from {self.place}: {', '.join(kinds)}{symbols}"
        digest = hashlib.sha256(Path(self.place).read_bytes()).hexdigest()
        place = str(Path(self.place).absolute())
        self.files = kept(model, self.note, init_from=place, sha256=digest)

    @property
    def _may_be_tied(self) -> bool:
        return self._found.layers[0].features == self._found.layers[-1].units

    def _as_model(self, vocabulary: Vocabulary, seed: int) -> LanguageModel:
        """The language model that the file holds, its ids those of `known`."""
        found, layers = self._found, self._found.layers
        size = len(self.known) + 1 if self._tokens else len(vocabulary)
        tied = found.embedding is not None and found.output_kernel is None and self._may_be_tied
        model = LanguageModel(
            size,
            cell=layers[0].cell,
            units=[layer.units for layer in layers],
            embedding_size=layers[0].features,
            tie_embeddings=tied,
        )
        for rnn, layer in zip(model.stack.rnns, layers, strict=True):
            if layer.torch:
                try:
                    load_torch_weights(rnn.cell, layer.weights)
                except ValueError as error:
                    raise InputError(f"`init_from` {self.place}: {layer.name}: {error}") from error
            else:
                weights = layer.weights
                bias = weights.get("bias")
                assign_weights(rnn.cell, weights["kernel"], weights["recurrent_kernel"], bias)
        if found.embedding:
            model.embedding.set_weights([self._ordered(found.embedding.array, seed)])
        if found.output_kernel:
            model.output_kernel.assign(self._ordered(found.output_kernel.array.T, seed).T)
        if found.output_bias:
            model.output_bias.assign(self._ordered(found.output_bias.array[:, None], seed)[:, 0])
        return model

    def _ordered(self, rows: np.ndarray, seed: int) -> np.ndarray:
        """The rows in the order of the ids: that of `<unk>` first, drawn where there is none."""
        others = [row for row, token in enumerate(self._tokens) if token != UNKNOWN]
        if UNKNOWN in self._tokens:
            first = rows[[self._tokens.index(UNKNOWN)]]
        else:
            first = drawn_rows(rows, 1, np.random.default_rng([seed, len(rows)]))
        return np.concatenate([first, rows[others]])

    def _read_tokens(self, path: str | None) -> tuple[str, ...] | None:
        """The tokens of the rows of the file.

        Raises:
            InputError: they cannot be read, are missing or too many, or one comes twice.
        """
        if path is None:
            if not self._tables:
                return None
            name, shape = self._tables[0].name, self._tables[0].shape
            raise InputError(
                f"`init_from` {self.place} holds {name!r} {shape}: `init_vocabulary` must "
                "name the tokens of its rows, one a line in their order."
            )
        if not self._tables:
            raise InputError(
                f"`init_vocabulary` must be left out: `init_from` {self.place} holds recurrent "
                f"layers alone. Received: {path}."
            )
        try:
            lines = Path(path).read_bytes().decode().removesuffix("\n").split("\n")
        except OSError as error:
            raise InputError(
                f"`init_vocabulary` {path} cannot be read: {error.strerror}."
            ) from None
        except UnicodeDecodeError as error:
            raise InputError(
                f"`init_vocabulary` {path}: byte {error.start} is not UTF-8."
            ) from None
        tokens = [unescape(line) if is_escaped(line) else line for line in lines]
        numbers: dict[str, int] = {}
        for number, token in enumerate(tokens, 1):
            if not token or numbers.setdefault(token, number) != number:
                what = f"the same as line {numbers[token]}" if token else "empty"
                raise InputError(f"`init_vocabulary` {path}:{number}: the token is {what}.")
        for table in self._tables:
            self._check_rows(table, len(tokens), path)
        return tuple(tokens)

    def _check_rows(self, table: Named, count: int, path: str) -> None:
        of_output = table is self._found.output_kernel
        found = table.array.shape[1 if of_output else 0]
        if found != count:
            axis = int(of_output and table.shape == table.array.shape)
            wanted = tuple(count if i == axis else n for i, n in enumerate(table.shape))
            raise InputError(
                f"`init_from` {self.place}: {table.name!r} has the shape {table.shape}, and "
                f"{wanted} is wanted, for the {count:,} tokens of {path}."
            )
