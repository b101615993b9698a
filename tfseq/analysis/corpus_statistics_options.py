"""Options of the statistics of a corpus."""

import dataclasses
from typing import Annotated, Literal

from tfseq.options.rules import PathText, PositiveInt, Seed, from_to


@dataclasses.dataclass(frozen=True)
class CorpusStatisticsOptions:
    """Count words or characters, pairs, triples; fit Zipf's and Heaps' laws; draw them."""

    corpus: PathText = "python_docs"
    """The text: python_docs, time_machine, tiny_shakespeare, or a file, directory or glob
    (.gz and .jsonl too)."""
    text_field: str = "text"
    """Field of a .jsonl record that holds the text."""
    encoding_errors: Literal["strict", "replace"] = "strict"
    """A byte that is not UTF-8 is an error, or becomes U+FFFD."""
    tokenizer: Literal["char", "word"] = "word"
    """What a token is."""
    normalization: Literal["none", "nfkc", "letters"] = "none"
    """Done to the text first; letters keeps a-z and single spaces."""
    case_fold: bool = False
    """Make upper and lower case the same."""
    max_tokens: PositiveInt | None = None
    """Use only the first tokens of the corpus."""
    max_order: Annotated[int, from_to(1, 5)] = 3
    """The longest n-grams that are counted."""
    top: Annotated[int, from_to(1, 10_000)] = 10
    """How many of the most frequent are listed."""
    result_dir: PathText | None = None
    """Where statistics.json and the pictures go; left out, runs/CORPUS_statistics, numbered if
    that is taken."""
    seed: Seed = 0
    """Has no effect: nothing here is drawn at random. Every script takes it."""
    config: PathText | None = None
    """A JSON file of options by name (max_order, ...); options given here win over it."""
