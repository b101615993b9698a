"""What a killed process leaves of its temporary directory, and who removes it."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tfseq.files.store import Store
from tfseq.files.temporary_place import temporary_place

SENDING = """
import sys
from tfseq.files.store import Store
with Store("memory://tfseq-test").writing("shard") as path:
    print(path.parent, flush=True)
    sys.stdin.read()
"""

HOLDING = """
import sys
from tfseq.files.temporary_place import temporary_place
with temporary_place() as place:
    print(place, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def base(tmp_path, monkeypatch):
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as short:
        monkeypatch.setenv("TMPDIR", short)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(short)


def test_that_of_a_killed_process_is_removed_and_no_other(base):
    others = [base / "tfseq-of-others", base / "another"]
    for place in others:
        place.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        left = Path(child.stdout.readline().strip())
        (left / "session").mkdir()
        with temporary_place() as place:
            assert (left / "session").is_dir()  # Its owner lives.
            assert Path(place).parent == left.parent == base
        child.send_signal(signal.SIGKILL)
    assert left.is_dir()
    with temporary_place() as place:
        assert not left.exists()
        assert sorted(base.iterdir()) == sorted([*others, Path(place)])
    assert sorted(base.iterdir()) == sorted(others)


def test_what_a_worker_leaves_that_was_killed_while_it_sent_a_file_is_removed_by_another(base):
    pytest.importorskip("fsspec", reason="the extra `scale` is not installed")
    with subprocess.Popen(
        [sys.executable, "-c", SENDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        left = Path(child.stdout.readline().strip())
        left.joinpath("file").write_bytes(b"half of it")
        child.send_signal(signal.SIGKILL)
    assert [*base.iterdir()] == [left]
    store = Store("memory://tfseq-test-other")
    with store.writing("shard") as path:
        path.write_bytes(b"all of it")
    store.remove()
    assert not [*base.iterdir()]
