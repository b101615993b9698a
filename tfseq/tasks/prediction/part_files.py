"""What is done of a long piece of work: parts in a directory, until all can be put together."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from tfseq.errors import InputError
from tfseq.files.atomic_file import atomic_file, write_atomically
from tfseq.files.json_objects import read_json_object
from tfseq.files.result_directory import check_writable, remove
from tfseq.tasks.prediction.parquet_output import write_parquet
from tfseq.tasks.prediction.records import import_parquet

#: Endings of the files that are written.
ENDINGS = (".jsonl", ".parquet")
_ABOUT, _LOCK = "about.json", ".lock"


class PartFiles:
    """Numbered parts of a file of results, each written whole or not at all.

    They lie beside it, in a directory whose name ends in `.parts`, with a file that says of what
    work they are parts. A part is found again by its number and the digest of its input. `join`
    puts them together and removes them.

    Args:
        output: the file of results, which is not there yet, and is never written over.

    Raises:
        InputError: the file is there, its ending is none of `ENDINGS`, or it cannot be written.
    """

    def __init__(self, output: Path):
        if output.suffix.lower() not in ENDINGS:
            raise InputError(f"`output` must end in {' or '.join(ENDINGS)}. Received: {output}.")
        _check_absent(output)
        if output.suffix.lower() == ".parquet":
            import_parquet("output", output)
        self._output, self._place = output, output.with_name(f"{output.name}.parts")
        self._digests: list[str] = []
        check_writable(self._place, "output")

    @contextlib.contextmanager
    def held(self, about: Mapping[str, Any]) -> Iterator[None]:
        """Room for parts, or those that are there, for this process alone while the block lasts.

        Args:
            about: what makes up the work, in values that JSON can hold.

        Raises:
            InputError: there are parts of other work, or another process is at it.
        """
        told, about = self._place / _ABOUT, json.loads(json.dumps(about))
        with self._locked() as file:
            try:
                # Another command may have ended since the name was looked at.
                _check_absent(self._output)
                if self._begun() and read_json_object(told, "The file") != about:
                    raise InputError(
                        f"{self._place} has parts of other work: of another model or with other "
                        "options. Remove it, or name another `output`."
                    )
                write_atomically(told, json.dumps(about, indent=2).encode())
                yield
            finally:
                if self._is_ours(file) and not self._begun():
                    self._remove()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[IO]:
        """The lock, in a directory that is there."""
        while True:
            self._place.mkdir(parents=True, exist_ok=True)
            try:
                file = (self._place / _LOCK).open("w")
            except FileNotFoundError:
                continue  # The command before has just removed the directory.
            # The system lets go when the process ends.
            with file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise InputError(
                        f"`output` {self._output} is being written by another process."
                    ) from None
                if self._is_ours(file):
                    yield file
                    return

    def _is_ours(self, file: IO) -> bool:
        """Whether the lock is the one in the directory, and not of one that was removed."""
        try:
            return os.path.samestat(os.fstat(file.fileno()), (self._place / _LOCK).stat())
        except FileNotFoundError:
            return False

    def _remove(self) -> None:
        """Remove the directory, whose lock this process holds, and nothing of a process after it.

        Once the lock is gone, the directory may be another's, and then is not empty.
        """
        for path in self._place.iterdir():
            if path.name != _LOCK:
                remove(path)
        with contextlib.suppress(OSError):
            (self._place / _LOCK).unlink()
            self._place.rmdir()

    def _begun(self) -> bool:
        return any(self._place.glob("[0-9]*.jsonl"))

    def next_is_done(self, digest: str) -> bool:
        """Whether the next part, whose input has this digest, is done."""
        self._digests.append(digest)
        return self._part(len(self._digests) - 1).exists()

    def write(self, number: int, rows: list[Mapping[str, Any]]) -> None:
        """Keep the rows of a part."""
        lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
        write_atomically(self._part(number), "".join(lines).encode())

    def join(self) -> None:
        """Put all parts together, in the order of their numbers, and remove them.

        It is for the block of `held`.

        Raises:
            InputError: a file of the name of the output has come meanwhile. The parts are kept.
        """
        parts = [self._part(number) for number in range(len(self._digests))]
        try:
            with atomic_file(self._output, replace=False) as aside:
                if self._output.suffix.lower() == ".parquet":
                    write_parquet(parts, aside)
                else:
                    with aside.open("wb") as file:
                        for part in parts:
                            file.write(part.read_bytes())
        except FileExistsError:
            raise InputError(
                f"`output` {self._output} has come from elsewhere meanwhile. Move it away and give "
                "the command again: what was done is kept."
            ) from None
        self._remove()

    def _part(self, number: int) -> Path:
        return self._place / f"{number:08}-{self._digests[number]}.jsonl"


def _check_absent(output: Path) -> None:
    if os.path.lexists(output):
        raise InputError(f"`output` {output} exists. Name another file.")
