"""Corpora that are known by name."""

from collections.abc import Iterator
from pathlib import Path

from tfseq.errors import InputError
from tfseq.text.corpora.documents import FILES, RECORDS, Marker
from tfseq.text.corpora.downloads import cache_directory, download

# Where they are downloaded from, their digests, and their names in the cache.
DOWNLOADS = {
    "time_machine": (
        "http://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt",
        "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516",
        "timemachine.txt",
    ),
    "tiny_shakespeare": (
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        "tinyshakespeare.txt",
    ),
}
CORPUS_NAMES = ("python_docs", *DOWNLOADS)


def python_docs() -> Iterator[str]:
    """Yield the text of the Python language reference, from this interpreter's own help.

    These are the topics of `pydoc_data`, in sorted order, a newline between them.

    Raises:
        InputError: this Python comes without the topics.
    """
    yield "\n".join(_topics())


def python_topics(documents: str | Marker) -> Iterator[list[str]]:
    """Yield the topics of `python_docs` as documents, or what stands between markers in its text.

    Args:
        documents: `records`: each topic is one; or a `Marker`.

    Raises:
        InputError: it is `files`, or this Python comes without the topics.
    """
    if documents == FILES:
        raise InputError(
            "`documents` must be records for python_docs, whose topics are its documents, or a "
            "marker. Received: files."
        )
    if documents == RECORDS:
        for topic in _topics():
            yield [topic]
    else:
        yield from documents.split(python_docs())


def _topics() -> list[str]:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise InputError("The corpus python_docs is not part of this Python.") from None
    return [topics[name] for name in sorted(topics)]


def corpus_file(name: str) -> Path:
    """The file of a corpus that is downloaded unless it is there.

    Raises:
        InputError: the download fails.
    """
    url, sha256, file_name = DOWNLOADS[name]
    return download(url, sha256, cache_directory() / "corpora" / file_name)
