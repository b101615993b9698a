"""Texts with a label each: read from CSV or JSON lines, and set apart for validation and test."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfseq.errors import InputError
from tfseq.files.json_objects import json_records, text_of_record
from tfseq.files.table_file import read_table
from tfseq.files.text_reader import plain_name, read_lines, stem


@dataclass(frozen=True)
class LabelledTexts:
    """Texts and their labels, in the order of the file.

    Attributes:
        name: what they are called in messages, and the run after them.
        texts: the texts.
        labels: the label of each.
        notes: what a person should know of how they were read, a sentence each.
    """

    name: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    notes: tuple[str, ...] = field(default=(), repr=False)


def read_labelled_texts(
    path: str | os.PathLike, text_field: str = "text", label_field: str = "label"
) -> LabelledTexts:
    """Read a `.csv`, `.tsv` or `.jsonl` file, perhaps compressed (`.gz`), a text and a label each.

    A JSON label may be a string, an integer or true or false. White space at the ends of a label is
    dropped, so that `boat` and `boat ` are one; a text is kept as it is.

    Args:
        path: the file; see `tfseq.files.table_file` and `tfseq.files.json_objects`.
        text_field, label_field: the names of the columns, or keys.

    Raises:
        InputError: the file cannot be read, or a record has no text or no label. It names the
            line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     file = Path(place, "mail.csv")
    ...     _ = file.write_text("label,text\\nspam,Buy now!\\nham,See you at six.\\n")
    ...     read_labelled_texts(file)
    LabelledTexts(name='mail', texts=('Buy now!', 'See you at six.'), labels=('spam', 'ham'))
    """
    path = Path(path)
    name = plain_name(path)
    readers = {".csv": _table_records, ".tsv": _table_records, ".jsonl": _json_records}
    reader = readers.get(Path(name).suffix)
    if reader is None:
        raise InputError(
            f"`data` must be a .csv, .tsv or .jsonl file, or end in .gz too. Received: {path}."
        )
    texts, labels, num_stripped = [], [], 0
    for place, record in reader(path):
        text = text_of_record(record, text_field, place)
        label = text_of_record(record, label_field, place, label=True)
        num_stripped += label != label.strip()
        if not label.strip():
            raise InputError(f"{place}: its {label_field!r} is empty.")
        texts.append(text)
        labels.append(label.strip())
    if not texts:
        raise InputError(f"{path} has no record.")
    notes = ()
    if num_stripped:
        notes = (f"white space at the ends of {num_stripped:,} labels was dropped.",)
    return LabelledTexts(stem(path), tuple(texts), tuple(labels), notes)


def split_examples(
    count: int, validation_fraction: float, test_fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The numbers of the examples of the splits for training, validation and test.

    They are drawn at random, determined by the seed alone; each split is in rising order.

    Raises:
        InputError: a split would be empty.

    >>> [split.tolist() for split in split_examples(10, 0.2, 0.1, seed=0)]
    [[0, 1, 3, 5, 7, 8, 9], [4, 6], [2]]
    """
    sizes = [round(count * validation_fraction), round(count * test_fraction)]
    if min(*sizes, count - sum(sizes)) < 1:
        raise InputError(
            f"{count} examples are too few for a validation split of {validation_fraction} "
            f"and a test split of {test_fraction}. Lower `validation_fraction` or "
            "`test_fraction`, or give more examples."
        )
    order = np.random.default_rng(seed).permutation(count)
    validation, test, train = np.split(order, np.cumsum(sizes))
    return np.sort(train), np.sort(validation), np.sort(test)


def _table_records(path: Path) -> Iterator[tuple[str, dict]]:
    names, rows, delimiter = read_table(path)
    part = {"\t": "tab", ";": "semicolon"}.get(delimiter, "comma")
    for line, cells in rows:
        if not cells:
            continue
        if len(cells) > len(names):
            # A comma in a text without quotes would cut it, and shift its label.
            raise InputError(
                f"{path}:{line}: more values than the {len(names)} columns of the first line. A "
                f"text that holds a {part} needs quotes around it."
            )
        cells += [None] * (len(names) - len(cells))
        yield f"{path}:{line}", dict(zip(names, cells, strict=True))


def _json_records(path: Path) -> Iterator[tuple[str, dict]]:
    yield from json_records(path, read_lines(path))
