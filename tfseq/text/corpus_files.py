"""Which files a corpus is made of."""

import difflib
import glob
import os
from collections.abc import Iterable
from pathlib import Path

from tfseq.errors import InputError

_ENDINGS = (".txt", ".text", ".md", ".rst", ".jsonl")
_ENDINGS_READ = (*_ENDINGS, *(f"{ending}.gz" for ending in _ENDINGS))


def find_files(spec: str, names: Iterable[str] = ()) -> list[Path]:
    """Return the files that a path, a directory or a glob pattern stands for, sorted.

    A directory stands for the text files in it and below it, by their endings: .txt, .text,
    .md, .rst and .jsonl, each also with .gz. Hidden files and directories are left out.

    Args:
        spec: the path or pattern.
        names: other things that might have been meant, for the message.

    Raises:
        InputError: if there are none.
    """
    if not spec or "\0" in spec:
        raise InputError(f"A corpus must be a name or a path. Received: {spec!r}.")
    path = Path(os.path.expanduser(spec))
    try:
        if path.is_dir():
            return _files_below(path)
        if path.is_file():
            return [path]
        if path.exists():
            raise InputError(f"{spec} must be a regular file, for it is read more than once.")
        files = [Path(found) for found in glob.glob(str(path), recursive=True)]
    except OSError as error:
        raise InputError(f"{spec} cannot be read: {error.strerror}.") from None
    files = sorted(file for file in files if file.is_file())
    if files:
        return files
    if glob.has_magic(spec):
        raise InputError(f"No file matches {spec}.")
    raise InputError(f"There is no corpus or file {spec}.{_suggest(path, spec, names)}")


def _files_below(directory: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise error

    files = []
    for parent, directories, names in os.walk(directory, onerror=refuse):
        directories[:] = [name for name in directories if not name.startswith(".")]
        files += [
            Path(parent, name)
            for name in names
            if name.endswith(_ENDINGS_READ) and not name.startswith(".")
        ]
    if not files:
        raise InputError(
            f"There is no text in the directory {directory}: "
            f"no file in it ends in {', '.join(_ENDINGS)}, or one of these and .gz."
        )
    return sorted(files)


def _suggest(path: Path, spec: str, names: Iterable[str]) -> str:
    try:
        siblings = [str(sibling) for sibling in path.parent.iterdir()]
    except OSError:
        siblings = []
    near = difflib.get_close_matches(spec, [*names, *siblings])
    return f" Did you mean {' or '.join(near)}?" if near else ""
