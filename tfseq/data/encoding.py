"""A corpus as one array of token ids, encoded once and kept on disk."""

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf

import tfseq.text
from tfseq.data.encoded_corpus import EncodedCorpus, load_encoded, write_encoded
from tfseq.data.numbering import number_tokens
from tfseq.errors import InputError
from tfseq.files.atomic_file import advised, writing
from tfseq.files.result_directory import obstacle
from tfseq.text import Corpus, Tokenizer, Vocabulary, cache_directory

# Characters tokenised at a time: few enough that the pieces being worked on take little memory.
_CHUNK_CHARS = 1 << 18
_ELSEWHERE = "Another place can be named in the environment variable TFSEQ_CACHE"


def encode_corpus(
    corpus: Corpus,
    tokenizer: Tokenizer,
    *,
    vocabulary: Vocabulary | None = None,
    min_frequency: int = 1,
    max_size: int | None = None,
    reserved_tokens: Iterable[str] = (),
    max_tokens: int | None = None,
    validation_fraction: float = 0.1,
    cache_dir: str | os.PathLike | None = None,
) -> EncodedCorpus:
    """Turn a corpus into token ids on disk, or find them there.

    The text is streamed through the tokenizer once. The vocabulary is counted over the training
    part alone. Memory does not grow with the text, but with the number of distinct tokens.

    The result is kept in a directory named after a digest of all it depends on: the text, the
    tokenizer, the vocabulary (or the options it is built by), `max_tokens`,
    `validation_fraction`, and the code. So an outdated one is never used. One that is damaged
    is made again.

    Args:
        corpus: The text, from `open_corpus`.
        tokenizer: What splits it.
        vocabulary: The vocabulary to use as it is; with it the next three arguments have no
            effect. By default one is built.
        min_frequency: Tokens that are rarer in the training part become `<unk>`.
        max_size: The most ids there may be.
        reserved_tokens: Tokens that are in the vocabulary in any case.
        max_tokens: How many tokens to take from the start of the corpus; by default all.
        validation_fraction: The part of the tokens, in [0, 1), that is kept for validation,
            rounded down to whole tokens.
        cache_dir: Where encoded corpora are kept; by default `encoded` in tfseq's cache
            directory.

    Raises:
        InputError: The corpus cannot be read or has no tokens, or `cache_dir` cannot be
            written.
        ValueError: An argument is out of range.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from tfseq.text import CharTokenizer, open_corpus
    >>> directory = tempfile.TemporaryDirectory()
    >>> path = Path(directory.name, "text.txt")
    >>> _ = path.write_text("banana split")
    >>> corpus = open_corpus(str(path))
    >>> encoded = encode_corpus(
    ...     corpus, CharTokenizer(), validation_fraction=0.5, cache_dir=directory.name
    ... )
    >>> encoded.vocabulary.tokens
    ('<unk>', 'a', 'n', 'b')
    >>> encoded.train.tolist(), encoded.validation.tolist()
    ([3, 1, 2, 1, 2, 1], [0, 0, 0, 0, 0, 0])
    >>> directory.cleanup()
    """
    if max_tokens is not None and max_tokens < 1:
        raise ValueError(f"`max_tokens` must be None or at least 1. Received: {max_tokens}.")
    if not 0 <= validation_fraction < 1:
        raise ValueError(
            f"`validation_fraction` must be in [0, 1). Received: {validation_fraction}."
        )
    building = {
        "min_frequency": min_frequency,
        "max_size": max_size,
        "reserved_tokens": list(reserved_tokens),
    }
    key = {
        "code": _code_digest(),
        "tensorflow": tf.__version__,
        "text": corpus.fingerprint(),
        "tokenizer": tokenizer.get_config(),
        "vocabulary": building if vocabulary is None else vocabulary.fingerprint,
        "max_tokens": max_tokens,
        "validation_fraction": validation_fraction,
    }
    cache_dir = Path(cache_dir) if cache_dir is not None else cache_directory() / "encoded"
    entry = cache_dir / hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    encoded = load_encoded(entry)
    if encoded is not None:
        return encoded

    reason = obstacle(cache_dir)
    if reason is not None:
        raise InputError(
            f"The cache directory {cache_dir} cannot be written: {reason}. {_ELSEWHERE}."
        )
    with advised(f"try again. {_ELSEWHERE}"), writing(cache_dir):
        cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=cache_dir) as aside:
            chunks = corpus.chunks(tokenizer, _CHUNK_CHARS)
            numbered = number_tokens(chunks, tokenizer, Path(aside, "numbers"), max_tokens)
            if numbered.num_tokens == 0:
                raise InputError(f"There are no tokens in the corpus {corpus.name}.")
            num_train = numbered.num_tokens - math.floor(numbered.num_tokens * validation_fraction)
            if vocabulary is None:
                vocabulary = Vocabulary.build(numbered.counts(num_train), **building)
            made = Path(aside, "encoded")
            made.mkdir()
            write_encoded(made, numbered, num_train, vocabulary)
            return _put(made, entry)


def _put(made: Path, entry: Path) -> EncodedCorpus:
    """Move a finished directory to its place, unless another process was faster."""
    try:
        made.rename(entry)
    except OSError:
        encoded = load_encoded(entry)
        if encoded is not None:
            return encoded
        shutil.rmtree(entry, ignore_errors=True)
        made.rename(entry)
    encoded = load_encoded(entry)
    if encoded is None:
        raise OSError(f"{entry} was damaged while it was written.")
    return encoded


def _code_digest() -> str:
    """Return the digest of the code that makes tokens and ids."""
    digest = hashlib.sha256()
    for directory in (Path(tfseq.text.__file__).parent, Path(__file__).parent):
        for path in sorted(directory.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
