"""What drivers leave of their work, that were killed, that failed or that encode the same text."""

import contextlib
import json
import shutil

import numpy as np
import pytest

import tfseq.cluster.text.encoding_plan as encoding_plan
import tfseq.cluster.text.text_stage as text_stage
from tfseq.cluster.tasks import InThisProcess, LostError
from tfseq.cluster.text.text_stage import TextStage
from tfseq.data import encode_corpus
from tfseq.errors import InputError
from tfseq.files.store import Store
from tfseq.text import make_tokenizer, open_corpus

from ..word_corpus import corpus_of_words


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Text of which small pieces are some tasks."""
    return corpus_of_words(tmp_path_factory.mktemp("corpus"), 1500, 40, 12_000)


class Killed(BaseException):
    """As a process that is killed, which cannot tidy up."""


class KilledAfter(InThisProcess):
    """Does so many tasks."""

    def __init__(self, most):
        self._left = most

    def map(self, function, items, done=lambda number, result: None):
        def counted(item):
            if not self._left:
                raise Killed
            self._left -= 1
            return function(item)

        return super().map(counted, items, done)


@contextlib.contextmanager
def killed():
    """A block that ends as a process does that is killed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "remove", lambda store: None)
        with pytest.raises(Killed):
            yield


def test_a_driver_that_is_killed_leaves_what_is_done_to_the_next_one(corpus, tmp_path):
    """It cannot clean up. The next one does what is missing, and nothing again."""
    tokenizer = make_tokenizer({"kind": "word"})
    alone = encode_corpus(corpus, tokenizer, cache_dir=tmp_path / "alone")
    with killed():
        stage = TextStage(KilledAfter(4), 9_000)
        encode_corpus(corpus, tokenizer, cache_dir=tmp_path, write=stage)
    (work,) = tmp_path.glob(".*.work")
    kept = {path: path.stat().st_mtime_ns for path in work.glob("*.tokens")}
    assert len(kept) == 4
    times = []
    original = encoding_plan.number_piece

    def watched(job, piece):
        size = original(job, piece)
        times.append({path: path.stat().st_mtime_ns for path in kept})
        return size

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding_plan, "number_piece", watched)
        again = encode_corpus(
            corpus, tokenizer, cache_dir=tmp_path, write=TextStage(InThisProcess(), 9_000)
        )
    assert times[-1] == kept
    assert again.fingerprint == alone.fingerprint
    assert not [*tmp_path.glob(".*")]


def test_a_driver_that_is_killed_at_the_digest_leaves_the_shards(corpus, tmp_path):
    """The next one writes none of them again, and removes what the killed one had of its own."""
    tokenizer = make_tokenizer({"kind": "char"})
    stage = TextStage(InThisProcess(), 9_000, 1 << 16)
    alone = encode_corpus(corpus, tokenizer, cache_dir=tmp_path / "alone")
    here = tmp_path / "here"
    written = []

    def killed_at_digest(files):
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_stage, "digest_of", killed_at_digest)
        patch.setattr("shutil.rmtree", lambda *place, **how: None)
        with killed():
            encode_corpus(corpus, tokenizer, cache_dir=here, write=stage)
    shards = [path.name for path in here.glob(".*.work/ids-*")]
    assert len(shards) > 1
    assert len([*here.glob(".tmp-*")]) == 1

    original = Store.writing

    def watched(store, name):
        written.append(name)
        return original(store, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "writing", watched)
        encoded = encode_corpus(corpus, tokenizer, cache_dir=here, write=stage)
    assert encoded.fingerprint == alone.fingerprint
    assert written == ["vocabulary.txt"]
    assert not [*here.glob(".*")]


def test_what_was_left_of_the_same_text_in_other_files_is_not_taken(tmp_path):
    """Their pieces begin at other places of the text."""
    lines = [f"word{number} of a text\n" for number in range(4000)]
    files = {
        "marked.txt": b"\xef\xbb\xbf" + "".join(lines).encode(),
        "plain.txt": "".join(lines).encode(),
        "records.jsonl": "".join(json.dumps({"text": line}) + "\n" for line in lines).encode(),
    }
    for name, content in files.items():
        tmp_path.joinpath(name).write_bytes(content)
    corpora = {name: open_corpus(str(tmp_path / name)) for name in files}
    # The entry, and so the work, has one name.
    assert len({corpus.fingerprint() for corpus in corpora.values()}) == 1
    tokenizer = make_tokenizer({"kind": "word"})
    alone = encode_corpus(corpora["plain.txt"], tokenizer, cache_dir=tmp_path / "alone")
    for left in ("marked.txt", "records.jsonl"):
        how = {"cache_dir": tmp_path / left.partition(".")[0]}
        with killed():  # After all pieces, and their first sum.
            pieces = -(-len(files[left]) // 20_000)
            stage = TextStage(KilledAfter(pieces + 1), 20_000)
            encode_corpus(corpora[left], tokenizer, write=stage, **how)
        assert len([*how["cache_dir"].glob(".*.work/*.tokens")]) >= pieces - 1
        stage = TextStage(InThisProcess(), 20_000)
        encoded = encode_corpus(corpora["plain.txt"], tokenizer, write=stage, **how)
        np.testing.assert_array_equal(encoded.ids, alone.ids)
        assert encoded.vocabulary.tokens == alone.vocabulary.tokens


def test_work_is_left_to_those_who_are_at_it(corpus, tmp_path):
    """While one driver encodes, another one of the same text fails, and a third is faster."""
    tokenizer = make_tokenizer({"kind": "word"})
    alone = encode_corpus(corpus, tokenizer, cache_dir=tmp_path / "alone")
    here = tmp_path / "here"

    class Failing(InThisProcess):
        def map(self, function, items, done=lambda number, result: None):
            raise LostError("a node is gone")

    def kept():
        return {path: path.stat().st_mtime_ns for path in here.glob(".*.work/*.tokens")}

    class Slow(InThisProcess):
        began = 0

        def map(self, function, items, done=lambda number, result: None):
            results = super().map(function, items, done)
            self.began += 1
            if self.began == 1:
                made = kept()
                assert made
                stage = TextStage(Failing(), 9_000)
                with pytest.raises(LostError):
                    encode_corpus(corpus, tokenizer, cache_dir=here, write=stage)
                assert kept() == made
                encode_corpus(corpus, tokenizer, cache_dir=here)
                assert kept() == made
            return results

    slow = Slow()
    found = encode_corpus(corpus, tokenizer, cache_dir=here, write=TextStage(slow, 9_000))
    assert found.fingerprint == alone.fingerprint
    assert slow.began == 3  # Tokenize, count and write, once each.
    assert not [*here.glob(".*")]


def test_work_that_is_removed_each_time_ends_with_an_error(corpus, tmp_path):
    """As by drivers on other machines whose locks are not seen here."""
    times = []

    class Removed(InThisProcess):
        def map(self, function, items, done=lambda number, result: None):
            results = super().map(function, items, done)
            times.append(len(items))
            (work,) = tmp_path.glob(".*.work")
            shutil.rmtree(work)
            return results

    # The next task makes a lost piece anew; nobody makes the sum anew that the driver reads.
    with pytest.raises(InputError, match=r"Another process removed .*work .* 3 times"):
        encode_corpus(
            corpus,
            make_tokenizer({"kind": "word"}),
            cache_dir=tmp_path,
            write=TextStage(Removed(), 9_000),
        )
    assert len(times) == 3 * 2
    assert not [*tmp_path.iterdir()]


def test_failure_leaves_nothing(corpus, tmp_path, monkeypatch):
    """Nor does anyone look for the reason in the text, where it is not of the text."""

    class Failing(InThisProcess):
        def map(self, function, items, done=lambda number, result: None):
            super().map(function, items[:2], done)
            monkeypatch.setattr(corpus, "text", None)
            raise LostError("a node is gone")

    with pytest.raises(InputError, match="a node is gone"):
        encode_corpus(
            corpus,
            make_tokenizer({"kind": "char"}),
            cache_dir=tmp_path,
            write=TextStage(Failing(), 9_000),
        )
    assert not [*tmp_path.iterdir()]
