"""The text stage on real Ray clusters, whose processes and machines are killed on the way."""

import random
import threading

import numpy as np
import pytest
from conftest import workers_of

from tfseq.data import encode_corpus
from tfseq.text import make_tokenizer, open_corpus

WORDS = ["the", "The", "cat", "猫", "don't", "x" * 40, "\n", "\r\n", "<unk>", "1,000"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    place = tmp_path_factory.mktemp("corpus")
    draw = random.Random(0)
    for name, size in (("a.txt", 30_000), ("b.txt", 40), ("c.txt", 120_000)):
        place.joinpath(name).write_text(" ".join(draw.choices(WORDS, k=size)), newline="")
    return open_corpus(str(place))


def encode(address, corpus, tokenizer, cache_dir, piece_bytes=20_000):
    from tfseq.cluster.connection import connect
    from tfseq.cluster.tasks import OnCluster
    from tfseq.cluster.text_stage import TextStage

    with connect(address, dashboard=False) as connection:
        stage = TextStage(OnCluster(str(connection.logs)), piece_bytes, shard_bytes=1 << 16)
        return encode_corpus(corpus, tokenizer, cache_dir=cache_dir, write=stage)


def killing(kill):
    """Call `kill` in a thread while the block runs; it is given what tells that the block has
    ended."""
    ended = threading.Event()
    thread = threading.Thread(target=kill, args=[ended])

    class Block:
        def __enter__(self):
            thread.start()

        def __exit__(self, *error):
            ended.set()
            thread.join()

    return Block()


def raylets():
    import psutil

    return [process for process in psutil.Process().children(recursive=True) if is_raylet(process)]


def is_raylet(process):
    import psutil

    try:
        return process.name() == "raylet"
    except psutil.Error:
        return False


def test_a_worker_is_killed_and_nothing_is_left(quiet_ray, corpus, tmp_path):
    """The short one for every day: a local cluster, started and ended here."""
    tokenizer = make_tokenizer({"kind": "word"})
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
