"""A start with word vectors as the embedding."""

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfseq.errors import InputError
from tfseq.files.word_vectors import read_word_vectors, vector_size
from tfseq.models.growing import drawn_rows
from tfseq.tasks.starting.start import Start, kept
from tfseq.text import Vocabulary


class VectorStart(Start):
    """A start with the vectors of a file for the symbols that it has.

    The rows of the others are drawn from the normal distribution with the mean and the standard
    deviation, number by number, of those that were found.

    Args:
        place: the file.

    Raises:
        InputError: it holds no vectors.
    """

    def __init__(self, place: str):
        self.place = place
        with _named():
            self._size = vector_size(Path(place))

    def with_shape(self, options: Any) -> Any:
        usual = {field.name: field.default for field in dataclasses.fields(options)}
        given = options.embedding_size
        if given not in (usual["embedding_size"], self._size):
            raise InputError(
                f"`embedding_size` must be {self._size}, the numbers of a vector in {self.place}, "
                f"or be left out. Received: {given}."
            )
        return dataclasses.replace(options, embedding_size=self._size)

    def apply(self, model: keras.Model, vocabulary: Vocabulary, seed: int) -> None:
        with _named():
            vectors = read_word_vectors(Path(self.place), vocabulary.tokens)
        found = [id for id, token in enumerate(vocabulary.tokens) if token in vectors.rows]
        if not found:
            raise InputError(
                f"`word_vectors` {self.place} has none of the {len(vocabulary):,} symbols among "
                f"its {vectors.num_words:,} words. The first symbols are "
                f"{', '.join(map(repr, vocabulary.tokens[1:6]))}."
            )
        rows = np.stack([vectors.rows[vocabulary.tokens[id]] for id in found])
        table = drawn_rows(rows, len(vocabulary), np.random.default_rng([seed, len(vocabulary)]))
        table[found] = rows
        model.embedding.set_weights([table])
        again = f"; {vectors.num_repeated:,} came twice" if vectors.num_repeated else ""
        self.note = (
            f"from {self.place}: vectors of {self._size} numbers for {len(found):,} of "
            f"{len(vocabulary):,} symbols ({len(found) / len(vocabulary):.1%}){again}"
        )
        with open(self.place, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        place = str(Path(self.place).absolute())
        self.files = kept(model, self.note, word_vectors=place, sha256=digest)


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """Errors of the file in the block name the option."""
    try:
        yield
    except InputError as error:
        raise InputError(f"`word_vectors`: {error}") from error
