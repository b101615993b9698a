"""Count the words or characters of a text and their n-grams.

python pipelines/corpus_statistics.py --corpus time_machine --normalization letters
"""

from tfseq.analysis.corpus_statistics_options import CorpusStatisticsOptions
from tfseq.options.command_line import run


def main(options: CorpusStatisticsOptions) -> None:
    from tfseq.analysis.corpus_statistics_results import run_corpus_statistics

    run_corpus_statistics(options)


def command() -> None:
    run(CorpusStatisticsOptions, main)


if __name__ == "__main__":
    command()
