"""Count the words or characters of a text and those that follow one another.

python pipelines/corpus_statistics.py --corpus time_machine --normalization letters
"""

import dataclasses
from typing import Annotated, Literal

from tfseq.errors import InputError
from tfseq.options.command_line import run
from tfseq.options.rules import PathText, PositiveInt, Rule, Seed

Order = Annotated[int, Rule("an integer from 1 to 5", lambda v: 1 <= v <= 5)]
Top = Annotated[int, Rule("an integer from 1 to 10000", lambda v: 1 <= v <= 10_000)]


@dataclasses.dataclass(frozen=True)
class StatisticsOptions:
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
    max_order: Order = 3
    """Count up to so many tokens in a row."""
    top: Top = 10
    """How many of the most frequent are listed."""
    result_dir: PathText | None = None
    """Where statistics.json and the pictures go; left out, runs/CORPUS_statistics, numbered if
    that is taken."""
    seed: Seed = 0
    """Has no effect: nothing here is drawn at random. Every script takes it."""
    config: PathText | None = None
    """A JSON file of options by name (max_order, ...); options given here win over it."""


def main(options: StatisticsOptions) -> None:
    from tfseq.analysis.statistics import corpus_statistics
    from tfseq.analysis.statistics_results import describe_statistics, unit_of, write_statistics
    from tfseq.files.result_directory import check_free, free_path
    from tfseq.options.saving import absolute_paths, to_json
    from tfseq.text import CORPUS_NAMES, make_tokenizer, open_corpus

    corpus = open_corpus(options.corpus, options.encoding_errors, options.text_field)
    path = options.result_dir or free_path(f"{corpus.name}_statistics")
    check_free(path, "result_dir")
    tokenizer = make_tokenizer(
        {
            "kind": options.tokenizer,
            "normalization": options.normalization,
            "case_fold": options.case_fold,
        }
    )
    statistics = corpus_statistics(
        corpus.chunks(tokenizer),
        tokenizer,
        max_order=options.max_order,
        top=options.top,
        max_tokens=options.max_tokens,
    )
    if statistics.num_tokens == 0:
        raise InputError(
            f"There are no tokens in the corpus {corpus.name}: with `--tokenizer "
            f"{options.tokenizer}` and `--normalization {options.normalization}` nothing is left."
        )
    description = {
        "corpus": corpus.name,
        "corpus_sha256": corpus.fingerprint(),
        "options": to_json(absolute_paths(options, names=CORPUS_NAMES)),
    }
    write_statistics(path, statistics, description, options.tokenizer)
    unit = unit_of(options.tokenizer)
    print(f"text     {corpus.name}: {statistics.num_tokens:,} {unit}s, ", end="")
    print(f"{statistics.num_distinct:,} different\nresults  {path}\n")
    print(describe_statistics(statistics, options.tokenizer))


def command() -> None:
    run(StatisticsOptions, main)


if __name__ == "__main__":
    command()
