"""Statistics that are counted in pieces are those of one process."""

import random

import hypothesis
import hypothesis.strategies as st
import pytest

from tfseq.analysis import corpus_statistics
from tfseq.analysis.cluster_statistics import statistics_on
from tfseq.cluster.tasks import InThisProcess
from tfseq.files.store import Store
from tfseq.text import make_tokenizer, open_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    place = tmp_path_factory.mktemp("corpus")
    draw = random.Random(0)
    words = [f"w{int(draw.paretovariate(0.7))}" for _ in range(9000)]
    for name, part in (("a", words[:5]), ("b", words[5:700]), ("c", words[700:])):
        place.joinpath(f"{name}.txt").write_text(" ".join(part) + "\n")
    return open_corpus(str(place))


@hypothesis.given(
    st.sampled_from(["char", "word"]),
    st.integers(2_000, 70_000),
    st.integers(1, 5),
    st.sampled_from([None, 1, 3, 4000]),
    st.sampled_from([5, 300, 10**6]),
)
@hypothesis.settings(max_examples=8)
@hypothesis.example("word", 3000, 5, None, 300)
@hypothesis.example("char", 7, 4, 30, 3)
def test_they_are_those_of_one_process(
    corpus, tmp_path_factory, kind, piece_bytes, max_order, max_tokens, max_distinct
):
    tokenizer, work = make_tokenizer({"kind": kind}), tmp_path_factory.mktemp("work") / "work"
    if max_tokens == 30:  # Pieces of a few characters, shorter than the n-grams.
        corpus = open_corpus(str(corpus.source.files[0]))
    how = {
        "max_order": max_order,
        "max_tokens": max_tokens,
        "max_entries": 200,
        "max_distinct": min(max_distinct, 2_000_000),
    }
    alone = corpus_statistics(corpus.chunks(tokenizer), tokenizer, **how)
    parts = statistics_on(
        InThisProcess(), Store(work), corpus, tokenizer, piece_bytes=piece_bytes, **how
    )
    assert parts == alone
    assert not work.exists()
