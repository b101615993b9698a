"""A corpus as token ids on disk, with the vocabulary they stand for."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfseq.data.numbering import NumberedTokens
from tfseq.text import Vocabulary


@dataclass(frozen=True, eq=False)
class EncodedCorpus:
    """Token ids of a corpus, of which the last ones are kept for validation.

    Attributes:
        ids: all token ids, a read-only `np.memmap` of the smallest unsigned type that holds the
            vocabulary.
        num_train: how many of them, from the first, are for training.
        vocabulary: the tokens that the ids stand for.
        fingerprint: SHA-256, in hexadecimal, of ids, vocabulary and `num_train`.
    """

    ids: np.memmap
    num_train: int
    vocabulary: Vocabulary
    fingerprint: str

    @property
    def train(self) -> np.memmap:
        """The training split of the ids."""
        return self.ids[: self.num_train]

    @property
    def validation(self) -> np.memmap:
        """The validation split: the contiguous tail. May be empty."""
        return self.ids[self.num_train :]


def load_encoded(directory: Path) -> EncodedCorpus | None:
    """The encoded corpus in a directory; None if there is none or it is damaged."""
    try:
        contents = json.loads((directory / "contents.json").read_text())
        num_train, fingerprint = contents["num_train"], contents["fingerprint"]
        vocabulary = Vocabulary.load(directory / "vocabulary.txt")
        with (directory / "ids").open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if _fingerprint(digest, vocabulary, num_train) != fingerprint:
        return None
    ids = np.memmap(directory / "ids", _id_dtype(vocabulary), mode="r")
    return EncodedCorpus(ids, num_train, vocabulary, fingerprint)


def write_encoded(
    directory: Path, numbered: NumberedTokens, num_train: int, vocabulary: Vocabulary
) -> None:
    """Write what `load_encoded` reads.

    Each distinct token is looked up in the vocabulary once; the ids of the text follow from its
    numbers.
    """
    id_of = vocabulary.token_to_id(tf.constant(numbered.distinct)).numpy()
    id_of = id_of.astype(_id_dtype(vocabulary))
    digest = hashlib.sha256()
    with (directory / "ids").open("wb") as file:
        for numbers in numbered.read():
            piece = id_of[numbers].tobytes()
            file.write(piece)
            digest.update(piece)
    vocabulary.save(directory / "vocabulary.txt")
    contents = {
        "num_train": num_train,
        "fingerprint": _fingerprint(digest.hexdigest(), vocabulary, num_train),
    }
    (directory / "contents.json").write_text(json.dumps(contents))


def _id_dtype(vocabulary: Vocabulary) -> np.dtype:
    return np.min_scalar_type(len(vocabulary) - 1)


def _fingerprint(ids_digest: str, vocabulary: Vocabulary, num_train: int) -> str:
    parts = f"{ids_digest} {vocabulary.fingerprint} {num_train}"
    return hashlib.sha256(parts.encode()).hexdigest()
