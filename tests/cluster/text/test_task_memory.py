"""The memory of a task does not grow with the files that the text is in."""

import gzip
import os
import resource

import pytest

from tfseq.cluster.connection import connect
from tfseq.cluster.tasks import OnCluster
from tfseq.cluster.text.text_stage import TextStage
from tfseq.data import encode_corpus
from tfseq.text import make_tokenizer, open_corpus

WORDS = b"".join(b"word%d of a text, " % number for number in range(1000))
SMALL, LARGE = 2_000_000, 40_000_000
FORMS = ("in lines", "in one line", "compressed")


class Watching(OnCluster):
    """Notes the most memory that a process has held in its tasks, above what it began with."""

    def __init__(self):
        super().__init__()
        self._first_mb = {}
        self.most_mb = 0.0

    def map(self, function, items, done=lambda number, result: None):
        # Not of this module, which workers do not find.
        def measured(item):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
            result = function(item)
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
            return result, os.getpid(), before, after

        def noted(number, found):
            result, process, before, after = found
            self.most_mb = max(self.most_mb, after - self._first_mb.setdefault(process, before))
            return done(number, result)

        results = super().map(measured, items, noted)
        return [result and result[0] for result in results]


def write(path, size, form):
    content = WORDS if form == "in one line" else WORDS.replace(b"text, ", b"text,\n")
    with gzip.open(path, "wb", 1) if form == "compressed" else path.open("wb") as file:
        for _ in range(size // len(content)):
            file.write(content)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_task_of_a_large_file_holds_no_more_than_one_of_a_small_file(form, quiet_ray, tmp_path):
    """Of a text twenty times as long, which is one task or many: each leaves nothing behind."""
    most = []
    for size in (SMALL, LARGE):
        path = tmp_path / f"text{size}.txt{'.gz' if form == 'compressed' else ''}"
        write(path, size, form)
        with connect("auto", num_cpus=1, dashboard=False):
            watching = Watching()
            stage = TextStage(watching, piece_bytes=1_000_000, shard_bytes=1 << 20)
            encode_corpus(
                open_corpus(str(path)),
                make_tokenizer({"kind": "word"}),
                cache_dir=tmp_path / "cache",
                write=stage,
            )
        path.unlink()
        most.append(watching.most_mb)
    assert most[0] > 1
    assert most[1] - most[0] < 5
