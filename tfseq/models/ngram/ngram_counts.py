"""How often each n-gram of a row of token ids occurs: in sorted arrays, and in one file.

The file is an `.npz` with the SHA-256 of its bytes behind it.
"""

import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfseq.errors import InputError
from tfseq.files.atomic_file import write_atomically

_FORMAT = "tfseq n-gram counts 1"


@dataclasses.dataclass(frozen=True, eq=False)
class NGramCounts:
    """Every n-gram of a text, of the lengths 1 to `order`.

    An n-gram has a number among those of its length. A token's number is its id; the number of a
    longer one is the place of its key, `number of all but its last token * base + last token`,
    among the sorted keys: one binary search finds an n-gram from the number of its context.

    The text begins with one token of its own, the id `vocabulary_size`, as with `<s>` elsewhere.

    Attributes:
        vocabulary_size: ids are less than this.
        keys: for each length from 2, the sorted keys, int64.
        counts: for each length from 1, how often each n-gram occurs, int64.
        suffixes: for each length from 2, the number of each n-gram without its first token.
        end_id: the id after each document, where the text is documents: see `count_ngrams`.
    """

    vocabulary_size: int
    keys: list[np.ndarray]
    counts: list[np.ndarray]
    suffixes: list[np.ndarray]
    end_id: int | None = None

    @property
    def base(self) -> int:
        """One more than the greatest id, that of the beginning included."""
        return self.vocabulary_size + 1

    @property
    def order(self) -> int:
        """The greatest length."""
        return len(self.counts)

    def contexts(self, length: int) -> np.ndarray:
        """For each n-gram of a length from 2, the number of all but its last token."""
        return self.keys[length - 2] // self.base

    def find(self, length: int, contexts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """The numbers of n-grams of a length from 2; -1 for those that do not occur.

        `contexts` are the numbers of the first n - 1 tokens, or -1; `tokens` the last tokens.
        """
        keys = self.keys[length - 2]
        wanted = contexts * self.base + tokens
        if len(keys) == 0:
            return np.full(wanted.shape, -1)
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[places] == wanted, places, -1)

    def continuation_counts(self) -> list[np.ndarray]:
        """What Kneser-Ney smoothing counts: of the longest n-grams, how often each occurs; of a
        shorter one, how many tokens differ that stand before it.

        What begins the text has none before it and keeps its count.
        """
        adjusted = [*self.counts]
        for place, suffixes in enumerate(self.suffixes):
            before = np.bincount(suffixes, minlength=len(self.counts[place]))
            adjusted[place] = np.where(before == 0, self.counts[place], before)
        return adjusted


def count_ngrams(
    ids: np.ndarray, order: int, vocabulary_size: int, end_id: int | None = None
) -> NGramCounts:
    """Count all n-grams of the lengths 1 to `order` in ids, each less than `vocabulary_size`.

    With `end_id`, ids are documents, each of which has that id after it and, that of the one before
    it, in front of it. An n-gram may begin with it, as others do with `<s>`, or end with it, and no
    n-gram reaches over it. In a context that does, what comes after it alone has an effect.

    >>> counts = count_ngrams(np.array([0, 1, 0, 1, 1]), order=2, vocabulary_size=2)
    >>> counts.contexts(2).tolist(), counts.counts[1].tolist()
    ([0, 1, 1, 2], [2, 1, 1, 1])
    """
    base = vocabulary_size + 1
    if end_id is None:
        text = np.concatenate([[vocabulary_size], ids]).astype(np.int64)
    else:
        text = np.asarray(ids).astype(np.int64)
    single = np.bincount(text, minlength=base)
    single[vocabulary_size] = 0
    if end_id is not None and text[:1] == end_id:
        single[end_id] -= 1  # The first one is no document's end.
    keys, counts, suffixes = [], [single], []
    numbers = text
    for length in range(2, order + 1):
        numbered = numbers[:-1] * base + text[length - 1 :]
        inside = slice(None)
        if end_id is not None:
            inside = numbers[:-1] >= 0
            if length > 2:
                inside &= text[length - 2 : -1] != end_id
        occurring, first, inverse, count = np.unique(
            numbered[inside],
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        keys.append(occurring)
        counts.append(count)
        suffixes.append(numbers[1:][inside][first])
        if end_id is None:
            numbers = inverse
        else:
            numbers = np.full(len(numbered), -1)
            numbers[inside] = inverse
    return NGramCounts(vocabulary_size, keys, counts, suffixes, end_id)


def as_ids(ids: np.ndarray | Sequence[int], vocabulary_size: int | None) -> np.ndarray:
    """Token ids as an array; an error if they are not one row of ids below `vocabulary_size`."""
    ids = np.asarray(ids)
    if ids.size == 0:
        ids = ids.astype(np.int64)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise TypeError(
            "Token ids must be a one-dimensional array of integers. "
            f"Received: shape {ids.shape}, dtype {ids.dtype}."
        )
    limit = np.iinfo(np.int32).max if vocabulary_size is None else vocabulary_size
    if ids.size and not (ids.min() >= 0 and ids.max() < limit):
        raise ValueError(
            f"Token ids must be from 0 to {limit - 1}. Received: {ids.min()} to {ids.max()}."
        )
    return ids


def save_counts(path: str | os.PathLike, counts: NGramCounts, config: dict[str, Any]) -> None:
    """Write counts and the configuration of their model, whole or not at all."""
    description = {"format": _FORMAT, "vocabulary_size": counts.vocabulary_size, "config": config}
    if counts.end_id is not None:
        description["end_id"] = counts.end_id
    arrays = {
        f"{name}_{place}": array
        for name in ("keys", "counts", "suffixes")
        for place, array in enumerate(getattr(counts, name))
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, description=np.array(json.dumps(description)), **arrays)
    content = buffer.getvalue()
    write_atomically(path, content + hashlib.sha256(content).digest())


def load_counts(path: str | os.PathLike) -> tuple[NGramCounts, dict[str, Any]]:
    """Read what `save_counts` wrote: the counts, and the configuration of their model.

    Raises:
        InputError: the file cannot be read, is damaged, or is something else.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    content, digest = content[:-32], content[-32:]
    if hashlib.sha256(content).digest() != digest:
        raise InputError(f"{path} is not an n-gram model, or is damaged.")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        description = json.loads(str(file["description"]))
        if description["format"] != _FORMAT:
            raise InputError(f"{path} was saved in another format: {description['format']}.")
        lengths = range(description["config"]["order"])
        counts = NGramCounts(
            description["vocabulary_size"],
            keys=[file[f"keys_{place}"] for place in lengths[:-1]],
            counts=[file[f"counts_{place}"] for place in lengths],
            suffixes=[file[f"suffixes_{place}"] for place in lengths[:-1]],
            end_id=description.get("end_id"),
        )
    return counts, description["config"]
