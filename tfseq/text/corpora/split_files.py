"""Corpora as they are published: a file for each split."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from tfseq.errors import InputError
from tfseq.files.text_reader import plain_name
from tfseq.text.corpora.corpus_files import TEXT_ENDINGS

# What a split is called in the names of files, as a word of its own.
_WORDS = {
    "train": "train",
    "training": "train",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
# WikiText's own besides.
_ENDINGS = (*TEXT_ENDINGS, ".tokens", ".raw")
_WORD = re.compile(rf"(?<![a-z0-9])({'|'.join(_WORDS)})(?![a-z0-9])")


def split_files(directory: str | os.PathLike) -> Mapping[str, Path]:
    """The files of a directory that hold the splits of one corpus.

    They are `train`, `valid` and `test` files whose names are otherwise the same, such as
    `ptb.train.txt`, `ptb.valid.txt`, `ptb.test.txt` (Penn Treebank), `wiki.train.tokens`, …
    (WikiText) or `train.txt`, `valid.txt`, `test.txt` (prepared enwik8 and text8). `validation`,
    `val` and `dev` are other words for `valid`. Other files of the directory are no part of it.

    Args:
        directory: a path. What is below the directory is not looked at.

    Returns:
        `train` and at least one of `validation` and `test`; empty where the directory holds no
        such files, or is none.

    Raises:
        InputError: it holds several such sets, or several files for one split.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     for name in ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt", "README"):
    ...         _ = Path(place, name).write_text("no it was n't black monday")
    ...     print({split: path.name for split, path in split_files(place).items()})
    {'train': 'ptb.train.txt', 'validation': 'ptb.valid.txt', 'test': 'ptb.test.txt'}
    """
    directory = Path(os.path.expanduser(directory))
    try:
        files = sorted(path for path in directory.iterdir() if _is_text(path))
    except (OSError, ValueError):  # No directory, or one whose reading fails later, with words.
        return {}
    sets: dict[str, dict[str, Path]] = {}
    for path in files:
        name = plain_name(path)
        words = _WORD.findall(name)
        if len(words) != 1:
            continue
        splits = sets.setdefault(_WORD.sub("*", name), {})
        other = splits.setdefault(_WORDS[words[0]], path)
        if other != path:
            raise InputError(
                f"`corpus` {directory} holds both {other.name} and {path.name}. {_ADVICE}"
            )
    whole = [splits for splits in sets.values() if "train" in splits and len(splits) > 1]
    if len(whole) > 1:
        names = ", ".join(splits["train"].name for splits in whole)
        raise InputError(f"`corpus` {directory} holds several corpora: {names}. {_ADVICE}")
    found = whole[0] if whole else {}
    return {split: found[split] for split in ("train", "validation", "test") if split in found}


_ADVICE = "Name the file of each split: `corpus`, `validation`, `test`."


def _is_text(path: Path) -> bool:
    hidden = path.name.startswith(".")
    return plain_name(path).endswith(_ENDINGS) and not hidden and path.is_file()
