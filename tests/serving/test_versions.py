"""Version numbers, and renames that take no one's place."""

import os
import threading

import pytest

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
