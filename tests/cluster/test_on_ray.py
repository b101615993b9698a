"""The text stage on Ray clusters of this machine, of which a process or a machine is killed."""

import numpy as np
import pytest

from tfseq.data import encode_corpus
from tfseq.text import make_tokenizer, open_corpus

from .ray_processes import encode, killing, raylets, workers_of
from .word_corpus import corpus_of_words


@pytest.mark.slow
def test_a_node_is_killed(two_nodes, tmp_path):
    """The one that .ci/run calls: of two nodes one is left, which ends the work."""
    (tmp_path / "text").mkdir()
    corpus, tokenizer = (
        corpus_of_words(tmp_path / "text", 300, 20, 900),
        make_tokenizer({"kind": "char"}),
    )
    alone = encode_corpus(corpus, tokenizer, cache_dir=tmp_path / "alone")
    killed = []

    def kill(ended):
        while not ended.wait(0.01) and not killed:
            if [*(tmp_path / "cluster").glob(".*.work/*.tokens")]:
                two_nodes.remove_node(two_nodes.second, allow_graceful=False)
                killed.append(True)

    with killing(kill):
        place = tmp_path / "cluster"
        encoded = encode(two_nodes.address, corpus, tokenizer, place, piece_bytes=500)
    assert killed
    np.testing.assert_array_equal(encoded.ids, alone.ids)
    assert encoded.vocabulary.tokens == alone.vocabulary.tokens
    assert encoded.fingerprint == alone.fingerprint
    assert len([*place.iterdir()]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("documents", [None, "cat"])
def test_a_worker_is_killed_and_nothing_is_left(quiet_ray, long_corpus, tmp_path, documents):
    """A local cluster, started and ended here."""
    tokenizer = make_tokenizer({"kind": "word"})
    corpus = open_corpus(str(long_corpus.source.files[0].parent), documents=documents)
    alone = encode_corpus(corpus, tokenizer, cache_dir=tmp_path / "alone")
    killed = []

    def kill(ended):
        while not ended.wait(0.02) and not killed:
            work = [*(tmp_path / "cluster").glob(".*.work/*.tokens")]
            busy = [worker for raylet in raylets() for worker in workers_of(raylet)]
            if len(work) > 5 and busy:
                busy[0].kill()
                killed.append(busy[0].pid)

    before = set(raylets())
    with killing(kill):
        encoded = encode("auto", corpus, tokenizer, tmp_path / "cluster")
    assert killed
    np.testing.assert_array_equal(encoded.ids, alone.ids)
    assert encoded.fingerprint == alone.fingerprint
    assert set(raylets()) <= before
    assert len([*(tmp_path / "cluster").iterdir()]) == 1
