"""Encoded texts in places that fsspec knows."""

import shutil

import numpy as np
import pytest

from tfseq.cluster.tasks import InThisProcess
from tfseq.cluster.text.text_stage import TextStage
from tfseq.data import encode_corpus
from tfseq.errors import InputError
from tfseq.files.store import Store
from tfseq.text import make_tokenizer, open_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    path.write_text("".join(f"w{n * n % 911} " for n in range(40_000)))
    return open_corpus(str(path))


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """Where copies of what a store has are kept on this machine."""
    pytest.importorskip("fsspec")
    monkeypatch.setenv("TFSEQ_CACHE", str(tmp_path / "here"))
    return tmp_path / "here" / "encoded"


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("kind", ["memory", "file"])
def test_ids_are_kept_in_a_store(corpus, tmp_path, own_cache, kind, in_pieces):
    """Another machine finds them there, and encodes nothing."""
    import fsspec

    place = f"memory://{tmp_path.name}" if kind == "memory" else (tmp_path / "there").as_uri()
    tokenizer = make_tokenizer({"kind": "word"})
    alone = encode_corpus(corpus, tokenizer, cache_dir=tmp_path / "alone")
    write = TextStage(InThisProcess(), 9_000, 1 << 16) if in_pieces else None
    first = encode_corpus(corpus, tokenizer, cache_dir=place, write=write)
    assert first.fingerprint == alone.fingerprint
    (entry,) = own_cache.iterdir()
    store = Store(f"{place}/{entry.name}")
    files, root = fsspec.core.url_to_fs(place)
    assert [path.rpartition("/")[2] for path in files.ls(root, detail=False)] == [entry.name]
    kept = {path.name: path.read_bytes() for path in entry.iterdir()}
    assert store.names() == sorted(kept)
    for name, content in kept.items():
        with store.reading(name) as path:
            assert path.read_bytes() == content

    del first
    shutil.rmtree(own_cache)

    def unwanted(*settings):
        raise AssertionError("It is there already.")

    again = encode_corpus(corpus, tokenizer, cache_dir=place, write=unwanted)
    np.testing.assert_array_equal(again.ids, alone.ids)
    store.remove()


def test_what_tasks_have_written_is_fetched_once_and_not_sent_again(
    corpus, tmp_path, own_cache, monkeypatch
):
    from fsspec.implementations.memory import MemoryFileSystem

    sent, fetched = [], []
    for method, names in (("put_file", sent), ("get_file", fetched)):
        original = getattr(MemoryFileSystem, method)

        def watched(self, one, other, *how, original=original, names=names, **more):
            remote = other if names is sent else one
            # It is sent under a name that begins with a point, and has another ending.
            name = remote.rpartition("/")[2]
            names.append(name[1:].rpartition(".")[0] if name.startswith(".") else name)
            return original(self, one, other, *how, **more)

        monkeypatch.setattr(MemoryFileSystem, method, watched)
    place = f"memory://{tmp_path.name}"
    stage = TextStage(InThisProcess(), 60_000, 1 << 16)
    tokenizer = make_tokenizer({"kind": "word"})
    encode_corpus(corpus, tokenizer, cache_dir=place, write=stage, validation_fraction=0)
    (entry,) = own_cache.iterdir()
    shards = sorted(path.name for path in entry.iterdir() if path.name.startswith("ids"))
    assert len(shards) > 1
    assert sorted(name for name in sent if name.startswith("ids")) == shards
    assert sorted(name for name in fetched if name.startswith("ids")) == shards
    assert len(sent) == len({*sent})
    # The numbers of a piece are fetched for the shards alone: its counts are beside them.
    pieces = [name for name in sent if name.endswith(".numbers")]
    assert all(fetched.count(name) in (1, 2) for name in pieces)
    Store(place).remove()


def test_a_place_that_is_none(corpus):
    pytest.importorskip("fsspec")
    with pytest.raises(InputError, match="nowhere://a is not a place that fsspec knows"):
        encode_corpus(corpus, make_tokenizer({"kind": "char"}), cache_dir="nowhere://a")
