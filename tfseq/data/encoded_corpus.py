"""A corpus as token ids on disk, with the vocabulary they stand for."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfseq.data.numbering import NumberedTokens
from tfseq.data.storage.shards import map_shards
from tfseq.text import Vocabulary
from tfseq.text.tokenizers.spaced_tokenizer import LINE_END


@dataclass(frozen=True, eq=False)
class EncodedCorpus:
    """Token ids of a corpus, of which the last ones are kept for validation, and then for the test.

    Either split may be a text of its own instead. Such a text does not go on where the training
    text ends: it is read as what follows a line end.

    Where documents are apart, there is an END before the first and after each: see
    `write_documents`. Each split ends with an END.

    Attributes:
        ids: all token ids of the corpus, a read-only `np.memmap` of the smallest unsigned type
            that holds the vocabulary.
        num_train: how many of them, from the first, are for training.
        vocabulary: the tokens that the ids stand for.
        fingerprint: SHA-256, in hexadecimal, of ids, vocabulary, the sizes of the splits, and the
            texts of their own.
        num_test: how many of the ids, from the last, are for the test.
        texts: the ids of the splits that are texts of their own, by the names `validation` and
            `test`.
    """

    ids: np.memmap
    num_train: int
    vocabulary: Vocabulary
    fingerprint: str
    num_test: int = 0
    texts: Mapping[str, np.memmap] = dataclasses.field(default_factory=dict)

    @property
    def train(self) -> np.memmap:
        """The training split of the ids."""
        return self.ids[: self.num_train]

    @property
    def validation(self) -> np.memmap:
        """The validation split: what follows the training split. May be empty."""
        return self.texts.get("validation", self.ids[self.num_train : self._test_start])

    @property
    def test(self) -> np.memmap:
        """The test split: the contiguous tail. May be empty."""
        return self.texts.get("test", self.ids[self._test_start :])

    @property
    def _test_start(self) -> int:
        return len(self.ids) - self.num_test

    @property
    def end_id(self) -> int | None:
        """The id that stands after each document; None where the corpus is one text."""
        ids = self.vocabulary.document_ids
        return None if ids is None else ids[1]

    def before(self, split: str, length: int = 1) -> np.ndarray:
        """The ids that a model reads before a split, at most `length` of them.

        A split that is the end of the corpus goes on from what stands before it. To a text of its
        own the first line is one that follows a line end, which is `<eos>` or a line break, and
        each of its tokens is predicted: published figures of Penn Treebank and WikiText count
        `words + lines` tokens. A vocabulary without either gives the last id of the training
        split.

        Args:
            split: `train`, `validation` or `test`.
            length: how many ids, at least 1.

        Returns:
            Integers; none for `train`, whose first token is not predicted.

        >>> ids = np.array([1, 2, 3, 1, 2, 3])
        >>> EncodedCorpus(ids, 4, Vocabulary(["a", "b", "<eos>"]), "").before("validation", 2)
        array([3, 1])
        """
        if split not in self.texts:
            end = {"train": 0, "validation": self.num_train, "test": self._test_start}[split]
            return np.asarray(self.ids[max(0, end - length) : end])
        tokens = self.vocabulary.tokens
        if self.end_id is not None:
            return np.asarray([self.end_id], self.ids.dtype)
        ends = [tokens.index(token) for token in (LINE_END, "\n") if token in tokens]
        return np.asarray([*ends, self.ids[self.num_train - 1]][:1], self.ids.dtype)

    def with_texts(self, **texts: "EncodedCorpus | None") -> "EncodedCorpus":
        """This corpus with splits that are texts of their own.

        Args:
            **texts: `validation`, `test`: a corpus in ids of the same vocabulary, all of which is
                the split. None leaves the split as it is.
        """
        given = {split: text for split, text in texts.items() if text is not None}
        if not given:
            return self
        parts = [
            self.fingerprint,
            *(f"{split} {text.fingerprint}" for split, text in given.items()),
        ]
        return dataclasses.replace(
            self,
            texts={split: text.ids[self.end_id is not None :] for split, text in given.items()},
            fingerprint=hashlib.sha256("\n".join(parts).encode()).hexdigest(),
        )


def load_encoded(directory: Path) -> EncodedCorpus | None:
    """The encoded corpus in a directory, its ids in one file or in shards; None if there is none or
    it is damaged."""
    try:
        contents = json.loads((directory / "contents.json").read_text())
        num_train, fingerprint = contents["num_train"], contents["fingerprint"]
        num_test = contents.get("num_test", 0)
        files = [directory / name for name in contents.get("shards", ["ids"])]
        vocabulary = Vocabulary.load(directory / "vocabulary.txt")
        if _fingerprint(digest_of(files), vocabulary, num_train, num_test) != fingerprint:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    dtype = id_dtype(vocabulary)
    if len(files) == 1:
        ids = np.memmap(files[0], dtype, mode="r")
    else:
        ids = map_shards(files, dtype)
    return EncodedCorpus(ids, num_train, vocabulary, fingerprint, num_test)


def digest_of(files: Iterable[Path]) -> str:
    """The SHA-256 of files, one after the other."""
    digest, buffer = hashlib.sha256(), bytearray(1 << 18)
    for path in files:
        with path.open("rb", buffering=0) as file:
            while size := file.readinto(buffer):
                digest.update(memoryview(buffer)[:size])
    return digest.hexdigest()


def write_encoded(
    directory: Path,
    numbered: NumberedTokens,
    num_train: int,
    vocabulary: Vocabulary,
    num_test: int = 0,
) -> None:
    """Write what `load_encoded` reads.

    Each distinct token is looked up in the vocabulary once; the ids of the text follow from its
    numbers.
    """
    id_of = vocabulary.token_to_id(tf.constant(numbered.distinct)).numpy()
    pieces = (id_of[numbers] for numbers in numbered.read())
    write_id_pieces(directory, pieces, num_train, vocabulary, num_test)


def write_id_pieces(
    directory: Path,
    pieces: Iterable[np.ndarray],
    num_train: int,
    vocabulary: Vocabulary,
    num_test: int = 0,
) -> None:
    """Write what `load_encoded` reads, of the ids themselves."""
    dtype, digest = id_dtype(vocabulary), hashlib.sha256()
    with (directory / "ids").open("wb") as file:
        for ids in pieces:
            piece = ids.astype(dtype).tobytes()
            file.write(piece)
            digest.update(piece)
    write_index(directory, digest.hexdigest(), num_train, vocabulary, num_test)


def write_index(
    directory: Path,
    digest: str,
    num_train: int,
    vocabulary: Vocabulary,
    num_test: int = 0,
    shards: Sequence[str] = (),
) -> None:
    """Write the vocabulary, and what there is to know of the ids, which are there already.

    Args:
        digest: the SHA-256 of the ids.
        shards: the files that hold them, in their order; none where the file `ids` holds all.
    """
    vocabulary.save(directory / "vocabulary.txt")
    contents = {
        "num_train": num_train,
        "num_test": num_test,
        "fingerprint": _fingerprint(digest, vocabulary, num_train, num_test),
        **({"shards": list(shards)} if shards else {}),
    }
    (directory / "contents.json").write_text(json.dumps(contents))


def id_dtype(vocabulary: Vocabulary) -> np.dtype:
    """The smallest unsigned type that holds a vocabulary's ids."""
    return np.min_scalar_type(len(vocabulary) - 1)


def _fingerprint(ids_digest: str, vocabulary: Vocabulary, num_train: int, num_test: int) -> str:
    # Without a test split it is what it was before there were any.
    parts = [ids_digest, vocabulary.fingerprint, num_train, *([num_test] if num_test else [])]
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()
