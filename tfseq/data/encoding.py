"""A corpus as one array of token ids, encoded once and kept on disk."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import tensorflow as tf
import tensorflow_text as tf_text

from tfseq.data.document_encoding import check_max_tokens, write_documents
from tfseq.data.encoded_corpus import EncodedCorpus, load_encoded, write_encoded
from tfseq.data.numbered_splits import number_splits
from tfseq.data.storage.entry_transfer import pull_entry, push_entry
from tfseq.errors import InputError
from tfseq.files.atomic_file import advised, writing
from tfseq.files.result_directory import obstacle
from tfseq.files.shared_work import shared_work
from tfseq.files.store import Store, is_url
from tfseq.files.temporary_place import temporary_place
from tfseq.options.rules import PositiveInt, Probability, checked
from tfseq.text import Corpus, Tokenizer, Vocabulary, cache_directory
from tfseq.text.tokenizers.make_tokenizer import as_tokenizer, tokens_key
from tfseq.text.tokenizers.subword_tokenizer import build_vocabulary

# Characters tokenised at a time: few enough that the pieces being worked on take little memory.
_CHUNK_CHARS = 1 << 18
# To be raised when other ids come of the same text, or they are written in another way.
_FORMAT = 1
_DOCUMENTS_FORMAT = 1
_ELSEWHERE = "Set the environment variable TFSEQ_CACHE to another directory"


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
    test_fraction: float = 0.0,
    split_seed: int | None = None,
    cache_dir: str | os.PathLike | None = None,
    write: Callable[..., None] | None = None,
) -> EncodedCorpus:
    """Turn a corpus into token ids on disk, or find them there.

    The text is streamed through the tokenizer once. The vocabulary is that of the training split.
    Memory grows with the number of distinct tokens, not with the text. The result is kept in a
    directory named after a digest of all it depends on; one that is damaged is made again. With a
    tokenizer of your own that has no `fingerprint` it is not kept: see `tfseq.text.Tokenizer`.

    Args:
        corpus: the text, from `open_corpus`.
        tokenizer: what splits it.
        vocabulary: the vocabulary to use as it is. By default one is built by the next three
            arguments, those of `Vocabulary.build`.
        max_tokens: how many tokens to take from the start of the corpus; by default all.
        validation_fraction: the share of the tokens, in [0, 1), that is kept for validation,
            rounded down to whole tokens.
        test_fraction: the share, in [0, 1), that is kept for the test, after those for validation.
        split_seed: of a corpus whose documents are apart, which of them are kept is drawn from this
            seed; None keeps the last ones.
        cache_dir: where encoded corpora are kept; by default `encoded` in tfseq's cache
            directory. With a URL of fsspec, such as `gs://bucket/cache`, that directory holds a
            copy of what is used, since ids are mapped into memory from there.
        write: what encodes a corpus, in place of `write_text` or `write_documents`, to the same
            ids.

    Raises:
        InputError: the corpus cannot be read or has no tokens, or `cache_dir` cannot be
            written.
        ValueError: an argument breaks its rule.

    >>> import tempfile
    >>> from tfseq.text import CharTokenizer
    >>> corpus = Corpus("fruit", lambda: [["banana split"]])
    >>> with tempfile.TemporaryDirectory() as cache:
    ...     encoded = encode_corpus(
    ...         corpus, CharTokenizer(), validation_fraction=0.5, cache_dir=cache
    ...     )
    ...     print(encoded.vocabulary.tokens, encoded.train, encoded.validation)
    ('<unk>', 'a', 'n', 'b') [3 1 2 1 2 1] [0 0 0 0 0 0]
    """
    checked("max_tokens", max_tokens, PositiveInt | None)
    checked("validation_fraction", validation_fraction, Probability)
    checked("test_fraction", test_fraction, Probability)
    if validation_fraction + test_fraction >= 1:
        raise ValueError(
            "`validation_fraction` and `test_fraction` must add up to less than 1. "
            f"Received: {validation_fraction} and {test_fraction}."
        )
    tokenizer = as_tokenizer(tokenizer)
    if corpus.apart:
        check_max_tokens(tokenizer, max_tokens)
    building = {
        "min_frequency": min_frequency,
        "max_size": max_size,
        "reserved_tokens": list(reserved_tokens),
    }
    tokens = tokens_key(tokenizer)
    key = tokens and {
        "format": _FORMAT,
        # They hold the tables of Unicode that normalization and words depend on.
        "tensorflow": (tf.__version__, tf_text.__version__),
        "text": corpus.fingerprint(),
        "tokenizer": tokens,
        "vocabulary": building if vocabulary is None else vocabulary.fingerprint,
        "max_tokens": max_tokens,
        "validation_fraction": validation_fraction,
        **({"test_fraction": test_fraction} if test_fraction else {}),
        **({"documents": [_DOCUMENTS_FORMAT, split_seed]} if corpus.apart else {}),
    }
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    remote = None
    if cache_dir is not None and is_url(cache_dir):
        remote, cache_dir = os.fspath(cache_dir).rstrip("/"), None
        Store(remote)
    cache_dir = Path(cache_dir) if cache_dir is not None else cache_directory() / "encoded"
    entry = cache_dir / name
    if key and (encoded := load_encoded(entry)) is not None:
        return encoded

    reason = obstacle(cache_dir)
    if reason is not None:
        raise InputError(
            f"The cache directory {cache_dir} cannot be written: {reason}. {_ELSEWHERE}."
        )
    with advised(f"try again. {_ELSEWHERE}"), writing(cache_dir):
        cache_dir.mkdir(parents=True, exist_ok=True)
        with temporary_place(cache_dir, ".tmp-") as aside:
            made = Path(aside, "encoded")
            made.mkdir()
            fractions = validation_fraction, test_fraction
            if remote and key and pull_entry(Store(f"{remote}/{name}"), made):
                return _put(made, entry)
            settings = corpus, tokenizer, vocabulary, building, fractions, _CHUNK_CHARS, max_tokens
            write = write or (write_documents if corpus.apart else write_text)
            # Under this name, what another process has left undone is found.
            name_of_work = f".{name if key else Path(aside).name}"
            work = Store(f"{remote or cache_dir}/{name_of_work}.work")
            with shared_work(work, cache_dir / f"{name_of_work}.lock"):
                write(made, work, *settings, split_seed)
                if remote and key:
                    push_entry(made, Store(f"{remote}/{name}"), work)
            # Without a key the file loses its name here, and lasts as long as the ids do.
            return _put(made, entry) if key else load_encoded(made)


def write_text(
    directory,
    work,
    corpus,
    tokenizer,
    vocabulary,
    building,
    fractions,
    chunk_chars,
    max_tokens,
    split_seed=None,
) -> None:
    """Write what `load_encoded` reads, of a corpus that is one text.

    Args:
        directory, work, corpus, tokenizer, vocabulary, building, fractions, chunk_chars,
            max_tokens: see `write_documents`.
        split_seed: not used here.

    Raises:
        InputError: the corpus has no tokens.
    """
    file = directory / "numbers"
    numbered, num_train, num_test = number_splits(
        corpus, tokenizer, file, fractions, max_tokens, chunk_chars
    )
    if numbered.num_tokens == 0:
        raise InputError(f"There are no tokens in the corpus {corpus.name}.")
    if vocabulary is None:
        vocabulary = build_vocabulary(tokenizer, numbered.counts(num_train), **building)
    write_encoded(directory, numbered, num_train, vocabulary, num_test)
    file.unlink()


def _put(made: Path, entry: Path) -> EncodedCorpus:
    """Move a finished directory to its place, unless another process was faster."""
    with contextlib.suppress(OSError):
        made.rename(entry)
    encoded = load_encoded(entry)
    if encoded is None and made.exists():
        shutil.rmtree(entry, ignore_errors=True)
        made.rename(entry)
        encoded = load_encoded(entry)
    if encoded is None:
        raise OSError(f"{entry} was damaged while it was written.")
    return encoded
