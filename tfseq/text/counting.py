"""How often each token occurs in a stream of text."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from os import cpu_count

import numpy as np
import tensorflow as tf

from tfseq.errors import InputError
from tfseq.text.tokenizers.make_tokenizer import as_tokenizer
from tfseq.text.tokenizers.tokenizer import Tokenizer

_threads: ContextVar[int | None] = ContextVar("threads", default=None)


@contextmanager
def on_threads(number: int) -> Iterator[None]:
    """In the block, texts are tokenized on so many threads, not on every core."""
    token = _threads.set(number)
    try:
        yield
    finally:
        _threads.reset(token)


def count_tokens(texts: Iterable[str], tokenizer: Tokenizer) -> Counter[str]:
    """Count the tokens of a stream of texts, in constant memory and on every core.

    Args:
        texts: pieces of text, such as `Corpus.chunks(tokenizer)`. About a million characters
            each is a good size.
        tokenizer: what splits them.

    >>> from tfseq.text import CharTokenizer
    >>> count_tokens(["aab", "a"], CharTokenizer())
    Counter({'a': 3, 'b': 1})
    """
    counts = Counter()
    for distinct, index in tokenized(texts, tokenizer):
        numbers = np.bincount(index, minlength=len(distinct)).tolist()
        counts.update(dict(zip(map(as_text, distinct), numbers, strict=True)))
    return counts


def as_text(token: bytes) -> str:
    """A token as a vocabulary holds it; one of a person's own may be none.

    Raises:
        InputError: it is empty, or not UTF-8.
    """
    try:
        text = token.decode()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise InputError(
            f"`tokenizer` must give tokens that are UTF-8 and not empty. Received: {token!r}."
        )
    return text


def tokenized(
    texts: Iterable[str], tokenizer: Tokenizer
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the distinct tokens of each text and each token's place among them, on every core."""
    tokenizer = as_tokenizer(tokenizer)

    def split(text: str) -> tuple[np.ndarray, np.ndarray]:
        distinct, index = tokenizer.tokenize_distinct(tf.constant(text))
        return distinct.numpy(), index.numpy()

    yield from parallel_map(split, texts)


def parallel_map(function: Callable, items: Iterable) -> Iterator:
    """Yield `function` of each item, in order, worked out on every core.

    TensorFlow's ops release the interpreter lock. Only as many items are read ahead as there are
    workers, so memory stays constant. On one thread it is the caller's: the memory of malloc grows
    with each new thread in a process that has many others, as the workers of Ray do.
    """
    workers = _threads.get() or min(cpu_count() or 1, 8)
    if workers == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        pending = deque()
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
