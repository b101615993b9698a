"""How often each token occurs in a stream of text."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from os import cpu_count

import numpy as np
import tensorflow as tf

from tfseq.text.tokenizers.tokenizer import Tokenizer


@dataclass(frozen=True)
class TokenCounts:
    """Token counts of some text. Those of several texts add up to those of all.

    Attributes:
        num_tokens: the number of tokens.
        counts: how often each distinct token occurs.

    >>> a, b = TokenCounts(3, Counter("aab")), TokenCounts(1, Counter("a"))
    >>> a + b
    TokenCounts(num_tokens=4, counts=Counter({'a': 3, 'b': 1}))
    >>> (a + b) - b == a
    True
    """

    num_tokens: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "TokenCounts") -> "TokenCounts":
        return TokenCounts(self.num_tokens + other.num_tokens, self.counts + other.counts)

    def __sub__(self, other: "TokenCounts") -> "TokenCounts":
        if not other.counts <= self.counts:
            missing = next(iter(other.counts - self.counts))
            raise ValueError(
                "What is subtracted must be part of the counts. "
                f"Received: {missing!r} {other.counts[missing]} times of {self.counts[missing]}."
            )
        return TokenCounts(self.num_tokens - other.num_tokens, self.counts - other.counts)


def count_tokens(texts: Iterable[str], tokenizer: Tokenizer) -> TokenCounts:
    """Count the tokens of a stream of texts, in constant memory and on every core.

    Args:
        texts: pieces of text, such as `Corpus.chunks(tokenizer)`. About a million characters
            each is a good size.
        tokenizer: what splits them.

    >>> from tfseq.text import CharTokenizer
    >>> count_tokens(["aab", "a"], CharTokenizer())
    TokenCounts(num_tokens=4, counts=Counter({'a': 3, 'b': 1}))
    """
    num_tokens, counts = 0, Counter()
    for part in parallel_map(lambda text: _count(text, tokenizer), texts):
        num_tokens += part.num_tokens
        counts.update(part.counts)
    return TokenCounts(num_tokens, counts)


def _count(text: str, tokenizer: Tokenizer) -> TokenCounts:
    distinct, index = tokenizer.tokenize_distinct(tf.constant(text))
    numbers = np.bincount(index.numpy(), minlength=len(distinct)).tolist()
    tokens = [token.decode() for token in distinct.numpy()]
    return TokenCounts(len(index), Counter(dict(zip(tokens, numbers, strict=True))))


def parallel_map(function: Callable, items: Iterable) -> Iterator:
    """Yield `function` of each item, in order, worked out on every core.

    TensorFlow's ops release the interpreter lock. Only as many items are read ahead as there are
    workers, so memory stays constant.
    """
    workers = min(cpu_count() or 1, 8)
    with ThreadPoolExecutor(workers) as pool:
        pending = deque()
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
