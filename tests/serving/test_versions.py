"""Version numbers, and renames that take no one's place."""

import contextlib
import os
import threading

import pytest
from file_calls import before_each_file_call

import tfseq
from tfseq.serving.versions import (
    check_version,
    next_version,
    publish,
    remove_old_versions,
    staging_directory,
)


def export(directory, version=None, content="new"):
    with staging_directory(directory) as staging:
        assert staging.name.startswith(".")
        (staging / "complete").mkdir()
        (staging / "complete" / "file").write_text(content)
        return publish(staging / "complete", directory, version)


FILES = {"saved_model.pb": "graph", "variables/data": "weights", "assets/words": "a"}


def write_version(directory):
    for name, text in FILES.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def served(base):
    """What a server finds: versions and their files."""
    return {
        int(version.name): {
            p.relative_to(version).as_posix(): p.read_text()
            for p in version.rglob("*")
            if p.is_file()
        }
        for version in base.iterdir()
        if version.name.isdecimal() and version.is_dir()
    }


def publish_one(base):
    with staging_directory(base) as staging:
        write_version(staging / "complete")
        publish(staging / "complete", base)


def remove_all_but_one(base):
    remove_old_versions(base / "3", 1)


@pytest.mark.parametrize(
    ("change", "afterwards"), [(publish_one, ["1", "2", "3", "4"]), (remove_all_but_one, ["3"])]
)
def test_a_server_sees_every_version_whole_or_not_at_all(tmp_path, change, afterwards):
    """It may look at any time, and any call that touches files may be the last."""

    def attempt(base, broken=0):
        """Make the change, the call of number `broken` failing; return the number of calls."""
        calls = []

        def versions():
            found = served(base)
            assert all(files == FILES for files in found.values())
            return sorted(found)

        def look(event, arguments):
            calls.append(event)
            assert {3} <= set(versions()) <= {1, 2, 3, 4}
            if len(calls) == broken:
                raise OSError("no space left on device")

        for version in "123":
            write_version(base / version)
        with contextlib.suppress(*[OSError, tfseq.InputError] if broken else []):
            with before_each_file_call(look):
                change(base)
            assert sorted(os.listdir(base)) == afterwards
        assert {3} <= set(versions()) <= {1, 2, 3, 4}
        return len(calls)

    num_calls = attempt(tmp_path / "whole")
    assert num_calls > 8
    for broken in range(1, num_calls + 1):
        attempt(tmp_path / f"broken{broken}", broken)


def test_versions_count_up(tmp_path):
    base = tmp_path / "new" / "name"
    assert export(base) == base / "1"
    assert export(base) == base / "2"
    assert export(base, 7) == base / "7"
    (base / "x9").mkdir()
    (base / "12").write_text("a file takes a number too")
    assert next_version(base) == 13
    assert export(base) == base / "13"
    assert sorted(os.listdir(base)) == ["1", "12", "13", "2", "7", "x9"]


def test_a_version_that_is_there_is_not_touched(tmp_path):
    export(tmp_path, 5, "old")
    with pytest.raises(tfseq.InputError, match=r"Received: 5. The next free one is 6.$"):
        check_version(tmp_path, 5)
    with pytest.raises(tfseq.InputError, match=r"Received: 5. The next free one is 6.$"):
        export(tmp_path, 5)
    assert os.listdir(tmp_path) == ["5"]
    assert (tmp_path / "5" / "file").read_text() == "old"


def test_exports_at_the_same_time_get_different_versions(tmp_path):
    threads = [
        threading.Thread(target=lambda: [export(tmp_path) for _ in range(25)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, os.listdir(tmp_path))) == list(range(1, 201))


def test_what_is_not_published_is_removed(tmp_path):
    with staging_directory(tmp_path) as staging:
        (staging / "half").mkdir()
        (staging / "half" / "file").write_text("written")
    assert os.listdir(tmp_path) == []


def test_errors_of_the_disk_are_not_swallowed(tmp_path):
    with pytest.raises(FileNotFoundError):
        publish(tmp_path / "missing", tmp_path)


def test_the_lowest_versions_are_removed(tmp_path):
    for version in (1, 2, 3, 7, 10):
        export(tmp_path, version)
    (tmp_path / "notes").mkdir()
    (tmp_path / "4").write_text("a file is no version")
    assert remove_old_versions(tmp_path / "10", 9) == []
    assert remove_old_versions(tmp_path / "10", 3) == [tmp_path / "1", tmp_path / "2"]
    # A version put in below others goes not, nor do those above it.
    assert remove_old_versions(tmp_path / "7", 1) == [tmp_path / "3"]
    assert sorted(os.listdir(tmp_path)) == ["10", "4", "7", "notes"]
    for wrong in (0, -1, True, 1.5):
        with pytest.raises(ValueError, match="`keep_versions` must be a positive integer"):
            remove_old_versions(tmp_path / "10", wrong)
