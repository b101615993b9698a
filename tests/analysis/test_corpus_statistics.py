"""Statistics of language, beside counts with dictionaries and fits by NumPy."""

import json
import math
import runpy
import tempfile
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from tfseq.analysis import corpus_statistics
from tfseq.analysis.corpus_statistics_options import CorpusStatisticsOptions
from tfseq.analysis.corpus_statistics_results import (
    describe_statistics,
    statistics_charts,
    write_statistics,
)
from tfseq.analysis.ngram_counter import MAX_DISTINCT_TOKENS, NGramCounter
from tfseq.analysis.power_laws import heaps_law, zipf_law
from tfseq.errors import InputError
from tfseq.options.configuration import parse_options
from tfseq.text import CharTokenizer, WordTokenizer, cache_directory, open_corpus

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "pipelines" / "corpus_statistics.py"))


def grams(tokens, length):
    return [tuple(tokens[i : i + length]) for i in range(len(tokens) - length + 1)]


@pytest.fixture(scope="module")
def time_machine():
    if not (cache_directory() / "corpora" / "timemachine.txt").is_file():
        pytest.skip("the corpus time_machine is not in the cache")
    tokenizer = WordTokenizer("letters")
    return corpus_statistics(open_corpus("time_machine").chunks(tokenizer), tokenizer, top=3)


def test_the_textbook_s_most_frequent_words_pairs_and_triples(time_machine):
    assert (time_machine.num_tokens, time_machine.num_distinct) == (32_775, 4579)
    found = [
        [(" ".join(tokens), count) for tokens, count in ngrams.most_frequent]
        for ngrams in time_machine.ngrams
    ]
    assert found == [
        [("the", 2261), ("i", 1267), ("and", 1245)],
        [("of the", 309), ("in the", 169), ("i had", 130)],
        [("the time traveller", 59), ("the time machine", 30), ("the medical man", 24)],
    ]


@settings(max_examples=60)
@given(
    st.lists(st.text("abcdé直", max_size=40), max_size=6),
    st.integers(1, 5),
    st.integers(1, 12),
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(1, 60)),
)
def test_counts_are_those_of_a_counter(texts, max_order, max_entries, top, max_tokens):
    """With room for so few that most goes to disk, and pieces of any length."""
    statistics = corpus_statistics(
        texts, CharTokenizer(), max_order, top, max_tokens, max_entries=max_entries
    )
    text = "".join(texts)[:max_tokens]
    assert statistics.num_tokens == len(text)
    assert statistics.num_distinct == len(set(text))
    assert statistics.num_unknown == 0
    assert len(statistics.ngrams) == max_order
    seen_first = {token: place for place, token in enumerate(dict.fromkeys(text))}
    for length, ngrams in enumerate(statistics.ngrams, start=1):
        counts = Counter(grams(text, length))
        assert (ngrams.total, ngrams.distinct) == (counts.total(), len(counts))
        assert ngrams.frequencies == Counter(counts.values())
        ordered = sorted(counts.items(), key=lambda e: (-e[1], [seen_first[t] for t in e[0]]))
        assert ngrams.most_frequent == ordered[:top]
    for read, distinct in statistics.growth:
        assert distinct == len(set(text[:read]))
    if text:
        assert statistics.growth[-1][0] == len(text)


def test_growth_is_noted_ten_times_a_decade():
    text = "".join(chr(0x4E00 + int(i**0.7)) for i in range(3000))
    pieces = [text[:7], text[7:1500], text[1500:]]
    statistics = corpus_statistics(pieces, CharTokenizer(), max_order=1)
    noted = [read for read, _ in statistics.growth]
    expected = {round(10 ** (step / 10)) for step in range(35)} | {3000}
    assert noted == sorted(place for place in expected if place <= 3000)
    assert [distinct for _, distinct in statistics.growth] == [len(set(text[:n])) for n in noted]
    assert statistics.heaps.exponent == pytest.approx(0.7, abs=0.02)


@given(
    st.integers(1, 6),
    st.lists(
        st.lists(st.sampled_from([0, 1, 5, MAX_DISTINCT_TOKENS - 1]), max_size=12), max_size=8
    ),
)
def test_ngrams_of_any_ids_are_merged_from_disk_in_order(length, pieces):
    with tempfile.TemporaryDirectory() as directory:
        counter = NGramCounter(length, directory, max_entries=3)
        for piece in pieces:
            counter.add(np.array(piece, np.int64))
        blocks = [(counter.ids(keys), counts) for keys, counts in counter.merged()]
    found = [(tuple(row), n) for ids, counts in blocks for row, n in zip(ids.tolist(), counts)]  # noqa: B905
    text = [token for piece in pieces for token in piece]
    assert found == sorted(Counter(grams(text, length)).items())


def test_memory_does_not_grow_with_the_text():
    """Nearly every triple is new, so that all but few of them go to disk."""
    peaks, runs = [], []
    for num_pieces in (10, 100):
        chance = np.random.default_rng(0)
        with tempfile.TemporaryDirectory() as directory:
            counter = NGramCounter(3, directory, max_entries=20_000)
            tracemalloc.start()
            for _ in range(num_pieces):
                counter.add(chance.integers(0, 50_000, 10_000))
            distinct = sum(len(keys) for keys, _ in counter.merged())
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            runs.append(counter.num_runs)
        assert distinct == 10_000 * num_pieces - 2
    assert runs[1] > 8 * runs[0] > 8
    assert peaks[1] < 1.2 * peaks[0]


def test_tokens_beyond_the_cap_are_counted_together_and_said():
    statistics = corpus_statistics(
        ["a b a", " c d", " b e"], WordTokenizer(), max_order=2, max_distinct=2
    )
    assert (statistics.num_tokens, statistics.num_distinct, statistics.num_unknown) == (7, 3, 3)
    assert statistics.ngrams[0].most_frequent == [(("<unk>",), 3), (("a",), 2), (("b",), 2)]
    assert dict(statistics.ngrams[1].most_frequent)[("<unk>", "<unk>")] == 1
    # What comes after the first word that is not told apart says nothing of growth.
    assert statistics.growth == [(1, 1), (2, 2), (3, 2)]
    said = describe_statistics(statistics, "word")
    assert "note: 3 words are counted as <unk>: memory holds 2 different ones" in said


@given(st.dictionaries(st.integers(1, 300), st.integers(1, 9), min_size=1, max_size=40))
def test_zipf_s_law_is_least_squares_over_all_ranks_of_frequency_five_or_more(frequencies):
    counts = [count for count, number in frequencies.items() for _ in range(number)]
    kept = sorted((count for count in counts if count >= 5), reverse=True)
    law = zipf_law(frequencies)
    if len(kept) < 10:
        assert law is None
        return
    ranks = np.arange(1, len(kept) + 1)
    slope, intercept = np.polyfit(np.log(ranks), np.log(kept), 1)
    assert law.exponent == pytest.approx(slope, rel=1e-6, abs=1e-9)
    assert law.constant == pytest.approx(math.exp(intercept), rel=1e-6)
    assert (law.first, law.last, law.num_points) == (1, len(kept), len(kept))


def test_heaps_law_is_least_squares_from_the_hundredth_token_on():
    growth = [(10, 9), *((n, round(3 * n**0.6)) for n in range(100, 5000, 100))]
    law = heaps_law(growth)
    slope, intercept = np.polyfit(*np.log(np.array(growth[1:], float)).T, 1)
    assert (law.exponent, law.constant) == pytest.approx((slope, math.exp(intercept)))
    assert (law.first, law.last) == (100, 4900)
    assert heaps_law(growth[:5]) is None
    assert heaps_law([]) is None


def test_results_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    statistics = corpus_statistics(["to be or not to be"], WordTokenizer(), max_order=2)
    path = tmp_path / "new" / "results"
    write_statistics(path, statistics, {"corpus": "直 $x^$"}, "word")
    names = sorted(p.name for p in path.iterdir())
    assert names == ["rank_frequency.png", "statistics.json", "vocabulary_growth.png"]
    assert all((path / name).read_bytes().startswith(b"\x89PNG") for name in names[::2])
    written = json.loads((path / "statistics.json").read_text())
    assert (written["corpus"], written["num_tokens"]) == ("直 $x^$", 6)
    pairs = written["ngrams"][1]
    assert pairs["most_frequent"][0] == {"ngram": ["to", "be"], "count": 2}
    assert (pairs["frequencies"], pairs["zipf_exponent"]) == ([[1, 3], [2, 1]], None)

    with pytest.raises(InputError, match=r"`result_dir` .*results exists"):
        write_statistics(path, statistics, {}, "word")
    savefig = Figure.savefig

    def fail(figure, path, **settings):
        savefig(figure, path, **settings)
        if path.name.startswith(".vocabulary_growth"):
            raise ZeroDivisionError

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(ZeroDivisionError):
        write_statistics(tmp_path / "other" / "results", statistics, {}, "word")
    assert [p.name for p in tmp_path.iterdir()] == ["new"]
    assert [p.name for p in path.parent.iterdir()] == ["results"]


def test_charts_show_every_rank_and_the_laws():
    """Of 40 words the n-th occurs 200 // n times, in any order."""
    words = [f"w{n}" for n in range(1, 41) for _ in range(200 // n)]
    np.random.default_rng(0).shuffle(words)
    statistics = corpus_statistics([" ".join(words)], WordTokenizer(), max_order=2)
    charts = statistics_charts(statistics, "word")
    assert list(charts) == ["rank_frequency", "vocabulary_growth"]
    assert all(chart.log_x and chart.log_y for chart in charts.values())
    ranks, growth = charts["rank_frequency"], charts["vocabulary_growth"]
    single, pairs = ranks.lines
    assert single.startswith("words: exponent 1.0")
    assert single.endswith("ranks 1 to 40")
    assert pairs.startswith("2 words in a row")
    steps = dict(ranks.lines[single])
    assert {rank: steps[rank] for rank in (1, 2, 11, 40)} == {1: 200, 2: 100, 11: 18, 40: 5}
    assert ranks.lines[single][-2:] == [(34, 5), (40, 5)]
    assert ranks.references[single] == statistics.ngrams[0].zipf.ends()
    law = statistics.ngrams[0].zipf
    (x0, y0), (x1, y1) = law.ends()
    assert (x0, x1, y0) == (1, 40, law.constant)
    assert math.log(y1 / y0) / math.log(40) == pytest.approx(law.exponent)
    assert growth.lines == {"the text": statistics.growth}
    assert [*growth.references.values()] == [statistics.heaps.ends()]
    assert (growth.x_label, growth.y_label) == ("words read, n", "different words")


def options(*words):
    return parse_options(CorpusStatisticsOptions, [str(word) for word in words])


def test_the_script(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("the cat and the dog\n" * 30 + "直升机\n")
    Path("some.json").write_text('{"corpus": "text.txt", "max_order": 2, "tokenizer": "char"}')
    SCRIPT["main"](options("--config=some.json", "--top=3", "--seed=4"))
    said = capsys.readouterr().out
    assert "text     text: 604 characters, 14 different\n" in said
    assert "results  runs/text_statistics\n" in said
    rows = [line.split() for line in said.splitlines()]
    assert ["1", "␣", "120", "th", "60"] in rows
    assert ["3", "h", "60", "e␣", "60"] in rows
    written = json.loads(Path("runs/text_statistics/statistics.json").read_text())
    assert (written["options"]["max_order"], written["num_tokens"]) == (2, 604)
    SCRIPT["main"](options("--corpus=text.txt"))
    assert "results  runs/text_statistics-2\n" in capsys.readouterr().out
    # Two words have no three in a row.
    Path("text.txt").write_text("two words")
    SCRIPT["main"](options("--corpus=text.txt", "--max-order=3"))
    assert "results  runs/text_statistics-3\n" in capsys.readouterr().out


def test_bad_input_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("a few words")
    Path("latin.txt").write_bytes("one Zürich".encode("latin-1"))
    Path("blank.txt").write_text(" \n\t\n")
    Path("digits.txt").write_text("1 2 3\n")
    for words, message in (
        (["--max-order=6"], "`max_order` must be an integer from 1 to 5. Received: 6"),
        (["--top=0"], "`top` must be an integer from 1 to 10000. Received: 0"),
        (["--corpus=nowhere.txt"], "nowhere.txt"),
        (["--corpus=latin.txt"], "latin.txt is not valid UTF-8"),
        (
            ["--corpus=blank.txt"],
            "There are no tokens in the corpus blank: with `tokenizer` word",
        ),
        (["--corpus=digits.txt", "--tokenizer=char", "--normalization=letters"], "no tokens in"),
        (["--corpus=text.txt", "--result-dir=text.txt"], "is not a directory"),
    ):
        with pytest.raises(InputError, match=message):
            SCRIPT["main"](options(*words))
    assert all(p.suffix == ".txt" for p in tmp_path.iterdir())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "text.txt"))
    with pytest.raises(InputError, match="Set the environment variable TMPDIR to another"):
        corpus_statistics(["a"], WordTokenizer())


@pytest.mark.parametrize(
    "wrong",
    [{"max_order": 0}, {"max_order": 6}, {"top": 0}, {"max_tokens": 0}, {"max_distinct": 0}],
)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be from 1 to"):
        corpus_statistics(["a"], WordTokenizer(), **wrong)
