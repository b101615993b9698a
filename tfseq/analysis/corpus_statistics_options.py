"""Options of the statistics of a corpus."""

import dataclasses
from typing import Annotated, Literal

from tfseq.options.rules import PathText, PositiveInt, Seed, from_to
from tfseq.options.scale.cluster_options import ClusterOptions


@dataclasses.dataclass(frozen=True)
class CorpusStatisticsOptions(ClusterOptions):
    """Count the n-grams of a text, fit Zipf's and Heaps' laws, and plot them."""

    corpus: PathText = "python_docs"
    """The text: python_docs, time_machine, tiny_shakespeare, or a file, directory or glob
    (.gz and .jsonl too)."""
    text_field: str = "text"
    """The field of a .jsonl record that holds the text."""
    encoding_errors: Literal["strict", "replace"] = "strict"
    """strict: a byte that is not UTF-8 is an error; replace: it becomes U+FFFD."""
    tokenizer: Literal["char", "word", "whitespace"] = "word"
    """What a token is."""
    normalization: Literal["none", "nfkc", "letters"] = "none"
    """Normalization before the tokenizer; letters keeps only a-z and single spaces."""
    case_fold: bool = False
    """Fold case: treat upper and lower case as the same."""
    max_tokens: PositiveInt | None = None
    """Use only this many tokens from the start of the corpus; if omitted, all."""
    max_order: Annotated[int, from_to(1, 5)] = 3
    """Length of the longest n-grams to count."""
    top: Annotated[int, from_to(1, 10_000)] = 10
    """How many of the most frequent n-grams to list."""
    result_dir: PathText | None = None
    """Directory for statistics.json and the plots; if omitted, runs/CORPUS_statistics, numbered if
    it exists."""
    seed: Seed = 0
    """Has no effect, because nothing here is random; every script has this option."""
    config: PathText | None = None
    """A JSON file with options by name (max_order, ...); the command line wins over the file."""
