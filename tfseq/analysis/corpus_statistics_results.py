"""Statistics of a corpus as tables to read, charts to look at, and files to keep."""

import dataclasses
import json
import os
import uuid
from collections.abc import Callable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from tfseq.analysis.cluster_statistics import statistics_on
from tfseq.analysis.corpus_statistics_options import CorpusStatisticsOptions
from tfseq.analysis.ngram_statistics import CorpusStatistics, NGramStatistics, corpus_statistics
from tfseq.analysis.power_laws import MIN_FREQUENCY
from tfseq.cluster.connection import check_address
from tfseq.cluster.text.text_cluster import text_cluster
from tfseq.errors import InputError
from tfseq.files.result_directory import check_free, free_path, new_directory
from tfseq.files.store import Store
from tfseq.options.saving import absolute_paths, normalized, to_json
from tfseq.options.scale.cluster_options import ClusterOptions
from tfseq.report.aligned import aligned
from tfseq.report.figures import Chart, chart_figure, save_figure
from tfseq.text import CORPUS_NAMES, cache_directory, make_tokenizer, open_corpus
from tfseq.text.vocabulary import escape

# What a token is called, by the tokenizer's name.
_UNITS = {"char": "character", "word": "word", "whitespace": "token"}


def run_corpus_statistics(
    options: CorpusStatisticsOptions, log: Callable[[str], None] = print
) -> Path:
    """Count a corpus, tell the result and write it; returns the directory.

    Raises InputError, before anything is written, if the corpus or the result directory cannot be
    used, or there is nothing to count.
    """
    options = normalized(options)
    if options.cluster is not None:
        check_address(options.cluster)
    corpus = open_corpus(options.corpus, options.encoding_errors, options.text_field)
    path = Path(options.result_dir or free_path(f"{corpus.name}_statistics"))
    check_free(path, "result_dir")
    kind = options.tokenizer
    tokenizer = make_tokenizer(
        {"kind": kind, "normalization": options.normalization, "case_fold": options.case_fold}
    )
    how = options.max_order, options.top, options.max_tokens
    with text_cluster(options.cluster, log) as cluster:
        if cluster and corpus.source is not None:
            place = options.cache_dir or cache_directory() / "encoded"
            runner, progress = cluster.runner(corpus.source, place)
            work = Store(f"{place}/.{uuid.uuid4().hex}.work")
            statistics = statistics_on(runner, work, corpus, tokenizer, *how, progress=progress)
        else:
            statistics = corpus_statistics(corpus.chunks(tokenizer), tokenizer, *how)
    if statistics.num_tokens == 0:
        raise InputError(
            f"There are no tokens in the corpus {corpus.name}: with `tokenizer` {kind} and "
            f"`normalization` {options.normalization} nothing is left."
        )
    description = {
        "corpus": corpus.name,
        "corpus_sha256": corpus.fingerprint(),
        "options": _without_place(to_json(absolute_paths(options, names=CORPUS_NAMES))),
    }
    write_statistics(path, statistics, description, kind)
    log(
        f"text     {corpus.name}: {statistics.num_tokens:,} {_UNITS[kind]}s, "
        f"{statistics.num_distinct:,} different\nresults  {path}\n"
    )
    log(describe_statistics(statistics, kind))
    return path


def _without_place(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without those that say where the work is done: the result is the same."""
    places = {field.name for field in dataclasses.fields(ClusterOptions)}
    return {name: value for name, value in options.items() if name not in places}


def write_statistics(
    path: str | os.PathLike, statistics: CorpusStatistics, description: Mapping[str, Any], kind: str
) -> None:
    """Make a directory, whole or not at all, of `statistics.json` and pictures.

    `description` is what the file says first, of the text and where it comes from; `kind` is what
    a token is, `char` or `word`. Raises InputError if the directory cannot be made or is not empty.
    """
    numbers = dataclasses.asdict(statistics)
    for ngrams in numbers["ngrams"]:
        ngrams["most_frequent"] = [
            {"ngram": list(tokens), "count": count} for tokens, count in ngrams["most_frequent"]
        ]
        # Pairs, since names in JSON are texts.
        ngrams["frequencies"] = [list(pair) for pair in ngrams["frequencies"].items()]
        ngrams["zipf_exponent"] = ngrams["zipf"] and -ngrams["zipf"]["exponent"]
    content = json.dumps({**description, **numbers}, indent=1, ensure_ascii=False)
    title = f"{description.get('corpus', '')}: {statistics.num_tokens:,} {_UNITS[kind]}s"
    with new_directory(path, "result_dir") as directory:
        Path(directory, "statistics.json").write_text(content + "\n", encoding="utf-8")
        for name, chart in statistics_charts(statistics, kind).items():
            save_figure(chart_figure([chart], title), directory / f"{name}.png")


def statistics_charts(statistics: CorpusStatistics, kind: str) -> dict[str, Chart]:
    """On two logarithmic axes, with the laws that were fitted: `rank_frequency`, a line each
    length, and `vocabulary_growth`, how many tokens differ among the first n."""
    unit = _UNITS[kind]
    lines, zipf = {}, {}
    for ngrams in statistics.ngrams:
        name = f"{unit}s" if ngrams.length == 1 else f"{ngrams.length} {unit}s in a row"
        if law := ngrams.zipf:
            name += f": exponent {-law.exponent:.3f}, ranks {law.first:,} to {law.last:,}"
            zipf[name] = law.ends()
        # The first and the last rank of each frequency.
        counts = sorted(ngrams.frequencies, reverse=True)
        last = np.cumsum([ngrams.frequencies[count] for count in counts]).tolist()
        ranks = zip([1, *(rank + 1 for rank in last)], last, counts, strict=False)
        lines[name] = [point for low, high, n in ranks for point in ((low, n), (high, n))]
    heaps = {}
    if law := statistics.heaps:
        name = f"{law.constant:.3g} n^{law.exponent:.3f}, from n = {law.first:,} to {law.last:,}"
        heaps[name] = law.ends()
    frequency = "frequency; dashed: Zipf's law, least squares" if zipf else "frequency"
    both = {"log_x": True, "log_y": True}
    return {
        "rank_frequency": Chart(lines, "rank", frequency, references=zipf, **both),
        "vocabulary_growth": Chart(
            {"the text": statistics.growth},
            f"{unit}s read, n",
            f"different {unit}s",
            references=heaps,
            **both,
        ),
    }


def describe_statistics(statistics: CorpusStatistics, kind: str) -> str:
    """The most frequent n-grams side by side, and the laws that were fitted."""
    unit = _UNITS[kind]
    rows = [["", "in all", "different", "once", "Zipf exponent", "over ranks"]]
    for ngrams in statistics.ngrams:
        numbers = (ngrams.total, ngrams.distinct, ngrams.frequencies.get(1, 0))
        law = ngrams.zipf
        fitted = [f"{-law.exponent:.3f}", f"{law.first:,} to {law.last:,}"] if law else None
        rows.append(
            [_title(ngrams, unit), *(f"{n:,}" for n in numbers), *(fitted or ["-", "too few"])]
        )
    laws = (
        "Zipf: log frequency against log rank, least squares over all ranks whose frequency is "
        f"{MIN_FREQUENCY} or more."
    )
    if law := statistics.heaps:
        laws += (
            f"\nHeaps: {law.constant:.3g} n^{law.exponent:.3f} different {unit}s among the first n,"
            f" fitted from n = {law.first:,} to {law.last:,}."
        )
    parts = [_most_frequent(statistics.ngrams, kind), aligned(rows), laws]
    if statistics.num_unknown:
        parts.append(
            f"note: {statistics.num_unknown:,} {unit}s are counted as <unk>: memory holds "
            f"{statistics.num_distinct - 1:,} different ones, and these came later."
        )
    return "\n\n".join(parts)


def _title(ngrams: NGramStatistics, unit: str) -> str:
    return f"{unit}s" if ngrams.length == 1 else f"{ngrams.length} {unit}s"


def _most_frequent(ngrams: list[NGramStatistics], kind: str) -> str:
    """The most frequent n-grams, a column each length."""

    def shown(tokens):
        # Spaces and line breaks between characters can be seen.
        if kind == "char":
            return "".join(escape(token).replace("\\s", "␣") for token in tokens)
        return " ".join(tokens)

    columns = [
        [(_title(n, _UNITS[kind]), "count")]
        + [(shown(tokens), f"{count:,}") for tokens, count in n.most_frequent]
        for n in ngrams
    ]
    rows = [
        [str(rank or "rank"), *(text for pair in row for text in pair)]
        for rank, row in enumerate(zip_longest(*columns, fillvalue=("", "")))
    ]
    return aligned(rows, left=range(1, 2 * len(ngrams), 2))
