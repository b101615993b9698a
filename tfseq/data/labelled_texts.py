"""Texts with a label each: read from CSV or JSON lines, and set apart for validation and test."""

import csv
import gzip
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfseq.errors import InputError


@dataclass(frozen=True)
class LabelledTexts:
    """Texts and their labels, in the order of the file.

    Attributes:
        name: what they are called in messages, and the run after them.
        texts: the texts.
        labels: the label of each.
    """

    name: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]


def read_labelled_texts(
    path: str | os.PathLike, text_field: str = "text", label_field: str = "label"
) -> LabelledTexts:
    """Read a `.csv` or `.jsonl` file, perhaps compressed (`.gz`), with a text and a label a record.

    CSV is UTF-8 with a header line; a JSON label may be a string, an integer or true or false.

    Args:
        path: the file.
        text_field, label_field: the names of the columns, or keys.

    Raises:
        InputError: the file cannot be read, or a record has no text or no label. It names the
            line.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     file = Path(place, "mail.csv")
    ...     _ = file.write_text("label,text\\nspam,Buy now!\\nham,See you at six.\\n")
    ...     read_labelled_texts(file)
    LabelledTexts(name='mail', texts=('Buy now!', 'See you at six.'), labels=('spam', 'ham'))
    """
    path = Path(path)
    name = path.name.removesuffix(".gz")
    readers = {".csv": _csv_records, ".jsonl": _json_records}
    reader = readers.get(Path(name).suffix)
    if reader is None:
        raise InputError(
            f"`--data` must be a .csv or .jsonl file, perhaps with .gz. Received: {path}."
        )
    texts, labels = [], []
    for place, record in reader(path):
        for field, values in ((text_field, texts), (label_field, labels)):
            if field not in record:
                raise InputError(f"{place}: no {field!r}. It has: {', '.join(map(repr, record))}.")
            value = record[field]
            if field == label_field and isinstance(value, bool | int):
                value = json.dumps(value)
            if value is None or (field == label_field and value == ""):
                raise InputError(f"{place}: its {field!r} is empty.")
            if not isinstance(value, str):
                raise InputError(f"{place}: its {field!r} must be a string. Received: {value!r}.")
            values.append(value)
    if not texts:
        raise InputError(f"{path} holds no record.")
    return LabelledTexts(Path(name).stem, tuple(texts), tuple(labels))


def split_examples(
    count: int, validation_fraction: float, test_fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The numbers of the examples to train on, to validate with, and to test with.

    They are drawn at random, determined by the seed alone; each part is in rising order.

    Raises:
        InputError: a part would be empty.

    >>> [part.tolist() for part in split_examples(10, 0.2, 0.1, seed=0)]
    [[0, 1, 3, 5, 7, 8, 9], [4, 6], [2]]
    """
    sizes = [round(count * validation_fraction), round(count * test_fraction)]
    if min(*sizes, count - sum(sizes)) < 1:
        raise InputError(
            f"{count} examples are too few for parts of {validation_fraction} to validate with "
            f"and {test_fraction} to test with. Lower `--validation-fraction` or "
            "`--test-fraction`, or give more examples."
        )
    order = np.random.default_rng(seed).permutation(count)
    validation, test, train = np.split(order, np.cumsum(sizes))
    return np.sort(train), np.sort(validation), np.sort(test)


def open_text(path: Path):
    """A text file, perhaps compressed, as UTF-8; a byte order mark is dropped."""
    opener = gzip.open if path.name.endswith(".gz") else open
    return opener(path, "rt", encoding="utf-8-sig", newline="")


def read_failure(path: Path, error: Exception) -> InputError:
    """What is said of a file that cannot be read."""
    if isinstance(error, UnicodeDecodeError):
        return InputError(f"{path} is not valid UTF-8: byte {error.start} of what was being read.")
    if isinstance(error, EOFError | gzip.BadGzipFile):
        return InputError(f"{path} is a broken gzip file.")
    reason = getattr(error, "strerror", None) or error
    return InputError(f"{path} cannot be read: {reason}.")


def _csv_records(path: Path) -> Iterator[tuple[str, dict]]:
    # A field may be as long as a text is; the module's own limit is 128 KiB.
    csv.field_size_limit(sys.maxsize)
    try:
        with open_text(path) as file:
            reader = csv.DictReader(file, strict=True)
            for record in reader:
                place = f"{path}:{reader.line_num}"
                if None in record:
                    # A comma in a text without quotes would cut it, and shift its label.
                    raise InputError(
                        f"{place}: more values than the {len(reader.fieldnames)} columns of the "
                        "first line. A text that holds a comma needs quotes around it."
                    )
                yield place, record
    except (OSError, UnicodeDecodeError, EOFError, csv.Error) as error:
        raise read_failure(path, error) from None


def _json_records(path: Path) -> Iterator[tuple[str, dict]]:
    try:
        with open_text(path) as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise InputError(f"{path}:{number}: not JSON: {error}.") from None
                if not isinstance(record, dict):
                    raise InputError(f"{path}:{number}: a line must hold one JSON object.")
                yield f"{path}:{number}", record
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise read_failure(path, error) from None
