"""The text stage on a Ray cluster of this machine, one of whose processes is killed."""

import numpy as np
import pytest

from tfseq.data import encode_corpus
from tfseq.text import make_tokenizer

from .ray_processes import encode, killing, raylets, workers_of


@pytest.mark.slow
def test_a_worker_is_killed_and_nothing_is_left(quiet_ray, long_corpus, tmp_path):
    """The short one: a local cluster, started and ended here."""
    tokenizer = make_tokenizer({"kind": "word"})
    alone = encode_corpus(long_corpus, tokenizer, cache_dir=tmp_path / "alone")
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
        encoded = encode("auto", long_corpus, tokenizer, tmp_path / "cluster")
    assert killed
    np.testing.assert_array_equal(encoded.ids, alone.ids)
    assert encoded.fingerprint == alone.fingerprint
    assert set(raylets()) <= before
    assert len([*(tmp_path / "cluster").iterdir()]) == 1
