"""A corpus from what a person names."""

import dataclasses
import os
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from tfseq.errors import InputError
from tfseq.files.json_objects import json_records, text_of_record
from tfseq.files.text_reader import plain_name, read_lines, read_text
from tfseq.text.corpora.corpus import Corpus
from tfseq.text.corpora.corpus_files import find_files
from tfseq.text.corpora.documents import as_marker, split_documents
from tfseq.text.corpora.named_corpora import (
    CORPUS_NAMES,
    corpus_file,
    python_docs,
    python_topics,
)

ENCODING_ERRORS = ("strict", "replace")


@dataclasses.dataclass(frozen=True)
class CorpusFiles:
    """The files that a corpus is read from, and how.

    Attributes:
        files: absolute paths, in their order.
        encoding_errors, text_field: as `open_corpus` has them.
        documents: what is a document, where each is a text of its own.
    """

    files: tuple[Path, ...]
    encoding_errors: str = "strict"
    text_field: str = "text"
    documents: str | None = None


def open_corpus(
    spec: str,
    encoding_errors: str = "strict",
    text_field: str = "text",
    documents: str | None = None,
) -> Corpus:
    """Open a corpus by name or path.

    Args:
        spec: one of
            - `python_docs`, the language reference inside this Python; `time_machine` or
              `tiny_shakespeare`, which are downloaded once;
            - a text file in UTF-8 (or UTF-16 with a byte order mark), plain or `.gz`;
            - a `.jsonl` file, plain or `.gz`: one JSON object a line, each one document;
            - a directory: all text files in it and below, in sorted order, without those of runs
              and exports;
            - a glob pattern: all files that match, in sorted order, without these too.
        encoding_errors: `strict`: a byte that is not UTF-8, or NUL, is an error; `replace`: it
            becomes U+FFFD.
        text_field: which field of a `.jsonl` object is its text.
        documents: what is a document, a text of its own: `files`; `records`, those of `.jsonl`
            files or the topics of `python_docs`; or a marker that stands between documents, see
            `Marker`. None: all is one text.

    Raises:
        InputError: if there is no such file, no text in it, or a download fails. Text is read
            when the corpus is used, and what is wrong in it is found then.
        ValueError: if `encoding_errors` is unknown.

    >>> open_corpus("python_docs").name
    'python_docs'
    >>> open_corpus("python_doc")
    Traceback (most recent call last):
    tfseq.errors.InputError: There is no corpus or file python_doc. Did you mean 'python_docs'?
    """
    if encoding_errors not in ENCODING_ERRORS:
        raise ValueError(
            f"`encoding_errors` must be one of {', '.join(ENCODING_ERRORS)}. "
            f"Received: {encoding_errors!r}."
        )
    how = None if documents is None else as_marker(documents)
    if spec == "python_docs":
        if documents is not None:
            return Corpus(spec, lambda: python_topics(how), how)
        return Corpus(spec, lambda: [python_docs()])
    if spec in CORPUS_NAMES:
        files = [corpus_file(spec)]
        name = spec
    else:
        files = find_files(spec, CORPUS_NAMES)
        name = corpus_name(spec)

    def read(file):
        found = read_documents(file, encoding_errors, text_field)
        return found if how is None else split_documents(file, found, how)

    places = tuple(file.absolute() for file in files)
    source = CorpusFiles(places, encoding_errors, text_field, documents)
    corpus = Corpus(name, lambda: chain.from_iterable(map(read, files)), how, source)
    if corpus.is_empty():
        what = str(files[0]) if len(files) == 1 else f"Each of the {len(files)} files of {spec}"
        raise InputError(f"{what} is empty.")
    return corpus


def read_documents(
    path: Path,
    encoding_errors: str = "strict",
    text_field: str = "text",
    start: int = 0,
    stop: int | None = None,
) -> Iterator[Iterable[str]]:
    """Yield the documents of a file, each as pieces of text: of a `.jsonl` file one a line.

    `start` and `stop` are bytes of it, see `read_text`; in a `.jsonl` file lines begin there.

    Raises:
        InputError: while reading; it names the place.
    """
    if plain_name(path).endswith(".jsonl"):
        lines = read_lines(path, encoding_errors, start, stop)
        for place, record in json_records(path, lines):
            yield [text_of_record(record, text_field, place, encoding_errors)]
    else:
        yield read_text(path, encoding_errors, start, stop)


def corpus_name(spec: str) -> str:
    """Return a short name for a path: its last part without endings or odd characters."""
    name = os.path.basename(os.path.abspath(os.path.expanduser(spec)))
    stem = re.sub(r"(\.(txt|text|md|rst|jsonl))?(\.gz)?$", "", name, flags=re.IGNORECASE)
    return re.sub(r"[^\w.-]+", "_", stem).strip("._-") or "corpus"
