"""Files in places that fsspec knows are there whole or not at all."""

import pytest

from tfseq.files.store import Store

WHOLE = b"0123456789" * 10


@pytest.fixture
def file_system():
    """Where an upload is seen while it goes on, as it is by `sftp://`."""
    pytest.importorskip("fsspec", reason="the extra `scale` is not installed")
    from fsspec.implementations.local import LocalFileSystem

    return LocalFileSystem


def test_an_upload_that_breaks_off_is_no_file(file_system, tmp_path, monkeypatch):
    store = Store((tmp_path / "there").as_uri())

    def cut_off(self, path, target, **how):
        with open(target, "wb") as file:
            file.write(WHOLE[:7])
        raise ConnectionError("the line is dead")

    with monkeypatch.context() as patch:
        patch.setattr(file_system, "put_file", cut_off)
        with pytest.raises(ConnectionError), store.writing("shard") as path:
            path.write_bytes(WHOLE)
        assert not store.exists("shard")
        assert not [*tmp_path.joinpath("there").iterdir()]
        # As where the process is killed, and cannot tidy up.
        patch.setattr(file_system, "rm_file", None)
        with pytest.raises(ConnectionError), store.writing("shard") as path:
            path.write_bytes(WHOLE)
    assert len([*tmp_path.joinpath("there").iterdir()]) == 1
    assert not store.exists("shard")
    assert store.names() == []
    for _ in range(2):  # Also where another process was faster.
        with store.writing("shard") as path:
            path.write_bytes(WHOLE)
        assert store.names() == ["shard"]
        with store.reading("shard") as path:
            assert path.read_bytes() == WHOLE


@pytest.mark.parametrize(
    ("protocol", "atomic"), [("s3", True), (("gs", "gcs"), True), ("x", False)]
)
def test_only_an_object_store_is_sent_the_file_under_its_name(
    file_system, tmp_path, monkeypatch, protocol, atomic
):
    """There, to move is to copy."""
    store = Store(tmp_path.as_uri())
    monkeypatch.setattr(file_system, "protocol", protocol)
    moved = []
    original = file_system.mv

    def watched(self, *paths, **how):
        moved.append(paths)
        original(self, *paths, **how)

    monkeypatch.setattr(file_system, "mv", watched)
    with store.writing("shard") as path:
        path.write_bytes(WHOLE)
    assert len(moved) == (not atomic)
    assert tmp_path.joinpath("shard").read_bytes() == WHOLE
