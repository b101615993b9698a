"""Directories of results: where they may go, and that they are whole or absent."""

import errno
import os
import subprocess
from pathlib import Path

import pytest
from small_disk import mounted

from tfseq.errors import InputError
from tfseq.files.result_directory import check_free, check_writable, free_path, new_directory


def fill(path) -> None:
    with new_directory(path, "result_dir") as directory:
        (directory / "figures.json").write_text("{}")
        (directory / "pictures").mkdir()
        (directory / "pictures" / "a.png").write_bytes(b"png")


def tree(path) -> list[str]:
    return sorted(str(p.relative_to(path)) for p in Path(path).rglob("*"))


WHOLE = ["figures.json", "pictures", "pictures/a.png"]


@pytest.fixture
def never_replaced(monkeypatch):
    """A rename onto a directory fails, as it does onto the mount point of a disk."""
    rename = os.rename

    def refuse(source, target, **more):
        if os.path.isdir(target):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(target))
        rename(source, target, **more)

    monkeypatch.setattr(os, "rename", refuse)
    monkeypatch.setattr(Path, "rename", lambda self, target: refuse(self, target))


@pytest.mark.parametrize("kind", ["new", "empty", "link", "dot", "parent", "slash", "lost+found"])
@pytest.mark.usefixtures("never_replaced")
def test_places_that_are_filled(kind, tmp_path, monkeypatch):
    place = tmp_path / "results"
    given = place
    if kind != "new":
        place.mkdir()
    if kind == "link":
        given = tmp_path / "link"
        given.symlink_to(place)
    elif kind in ("dot", "parent"):
        monkeypatch.chdir(place)
        given = "." if kind == "dot" else Path("..", "results")
    elif kind == "slash":
        given = f"{place}/"
    elif kind == "lost+found":
        (place / "lost+found").mkdir()
    before = place.stat().st_ino if place.exists() else None

    fill(given)

    assert [p for p in tree(place) if p != "lost+found"] == WHOLE
    assert before in (None, place.stat().st_ino), "the directory itself is the one that was there"
    assert sorted(os.listdir(tmp_path)) == ["link"] * (kind == "link") + ["results"]
    if kind == "link":
        assert given.is_symlink()
    if kind == "dot":
        # The shell is where it was, and sees what is there.
        assert sorted(os.listdir(".")) == ["figures.json", "pictures"]
        assert os.getcwd() == str(place.resolve())


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda p: p.symlink_to("/no/such/disk"), "{p} is a link to /no/such/disk, which is not"),
        (lambda p: p.symlink_to(p.name), "{p} is a link to results, which is not there"),
        (lambda p: p.write_text("x"), "{p} is not a directory"),
    ],
    ids=["dangling", "loop", "file"],
)
def test_places_that_are_refused(make, reason, tmp_path):
    """At once, truly, and below them too; nothing is made."""
    place = tmp_path / "results"
    make(place)
    for given in (place, place / "a" / "b"):
        for check in (check_writable, check_free):
            with pytest.raises(InputError) as caught:
                check(given, "run_dir")
            told = f"`run_dir` {given} cannot be made: {reason.format(p=place)}"
            assert str(caught.value).startswith(told)
        with pytest.raises(InputError), new_directory(given, "run_dir"):
            raise AssertionError("the block is entered")
    assert os.listdir(tmp_path) == ["results"]


def test_a_path_that_is_not_utf8(tmp_path, monkeypatch):
    """Nothing is left of it, also where the name is one that the shell is in."""
    place = tmp_path / os.fsdecode(b"caf\xe9")
    place.mkdir()
    with pytest.raises(InputError, match=r"cannot be made: its path is not valid UTF-8\."):
        fill(place / "results")
    monkeypatch.chdir(place)
    with pytest.raises(InputError, match=r"`result_dir` \. cannot be made: its path is not"):
        fill(".")
    assert tree(tmp_path) == [place.name]


def test_a_directory_with_something_in_it_is_taken(tmp_path):
    (tmp_path / ".hidden").touch()
    with pytest.raises(InputError, match=r"`result_dir` .* exists\. Name another directory\."):
        fill(tmp_path)
    assert os.listdir(tmp_path) == [".hidden"]


@pytest.mark.parametrize("there", [False, True], ids=["new", "empty"])
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there(failure, there, tmp_path):
    place = tmp_path / "a" / "results"
    if there:
        place.mkdir(parents=True)
    error = InputError if isinstance(failure, OSError) else KeyboardInterrupt

    def fail() -> None:
        with new_directory(place, "result_dir") as directory:
            (directory / "half").write_text("x")
            raise failure

    with pytest.raises(error) as caught:
        fail()
    assert tree(tmp_path) == (["a", "a/results"] if there else [])
    if error is InputError:
        assert str(caught.value) == (
            f"`result_dir` {place} cannot be written to: No space left on device. Free some "
            "space there, or name another directory."
        )


def test_what_was_moved_is_taken_back_if_the_rest_cannot_be(tmp_path, monkeypatch):
    """A directory that is filled cannot appear at once; it is emptied again."""
    rename = Path.rename

    def fail_late(self, target):
        if self.name == "pictures":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_late)
    with pytest.raises(InputError, match="cannot be written to: Input/output error"):
        fill(tmp_path)
    assert tree(tmp_path) == []


def test_free_names(tmp_path, monkeypatch):
    """A link that leads nowhere has its name all the same."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "egg").mkdir(parents=True)
    (tmp_path / "runs" / "egg-2").symlink_to("/no/such/disk")
    assert free_path("egg") == Path("runs", "egg-3")
    assert free_path("ham") == Path("runs", "ham")


def test_a_mount_point_is_filled(tmp_path):
    """As a volume of Docker is: it can be neither removed nor renamed over."""
    with mounted(tmp_path / "volume", "size=1m"):
        fill(tmp_path / "volume")
        assert tree(tmp_path / "volume") == WHOLE


def test_a_full_disk_and_one_that_is_read_only(tmp_path):
    place = tmp_path / "volume"
    with mounted(place, "size=64k"):
        with (
            pytest.raises(InputError, match="cannot be written to: No space left on device"),
            new_directory(place, "result_dir") as directory,
        ):
            (directory / "large").write_bytes(bytes(2**17))
        assert tree(place) == []
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        with pytest.raises(InputError, match=rf"cannot be made: {place} is not writable"):
            fill(place / "results")
