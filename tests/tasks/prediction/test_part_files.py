"""Two commands with one output: neither writes over what the other has made, nor removes it."""

import contextlib
import errno
import os

import pytest

from tfseq.errors import InputError
from tfseq.tasks.prediction.part_files import PartFiles


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out.jsonl"


@pytest.fixture(params=[None, errno.EPERM, errno.EOPNOTSUPP])
def any_disk(request, monkeypatch):
    """Disks that know hard links, and others."""

    def refused(*paths):
        raise OSError(request.param, os.strerror(request.param))

    if request.param is not None:
        monkeypatch.setattr(os, "link", refused)


def write_all(parts):
    parts.next_is_done("abc")
    parts.write(0, [{"a": 1}])


def test_an_output_that_has_come_before_the_work_began(output):
    parts = PartFiles(output)
    output.write_text("theirs")
    with pytest.raises(InputError, match=r"`output` .*out.jsonl exists"), parts.held({}):
        pass
    assert output.read_text() == "theirs"
    assert os.listdir(output.parent) == [output.name]


def test_an_output_that_has_come_meanwhile(output, any_disk):
    parts = PartFiles(output)
    with parts.held({}):
        write_all(parts)
        output.write_text("theirs")
        with pytest.raises(InputError, match="has come from elsewhere"):
            parts.join()
    assert output.read_text() == "theirs"
    output.unlink()
    parts = PartFiles(output)
    with parts.held({}):
        assert parts.next_is_done("abc")
        parts.join()
    assert output.read_text() == '{"a": 1}\n'
    assert os.listdir(output.parent) == [output.name]


def test_a_command_that_begins_when_another_one_ends(output):
    first, second = PartFiles(output), PartFiles(output)
    with contextlib.ExitStack() as stack:
        with first.held({}):
            write_all(first)
            first.join()
            output.unlink()
            stack.enter_context(second.held({}))
        write_all(second)
        with pytest.raises(InputError, match="is being written by another"):
            stack.enter_context(PartFiles(output).held({}))
        second.join()
    assert output.read_text() == '{"a": 1}\n'
    assert os.listdir(output.parent) == [output.name]


def test_a_lock_of_a_directory_that_has_been_removed_is_none(output, monkeypatch):
    """The command before removes the directory between this one's opening and its lock."""
    import fcntl

    parts, flock, removed = PartFiles(output), fcntl.flock, []

    def late(file, how):
        if not removed:
            removed.append(True)
            parts._remove()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with parts.held({}):
        write_all(parts)
        with (
            pytest.raises(InputError, match="is being written by another"),
            PartFiles(output).held({}),
        ):
            pass
        parts.join()
    assert output.exists()
