"""Which files a corpus is made of."""

import functools
import glob
import os
from collections.abc import Iterable
from pathlib import Path

from tfseq.errors import InputError, did_you_mean
from tfseq.text.corpora.downloads import cache_directory

TEXT_ENDINGS = (".txt", ".text", ".md", ".rst", ".jsonl")
_ENDINGS_READ = (*TEXT_ENDINGS, *(f"{ending}.gz" for ending in TEXT_ENDINGS))
# What a run directory holds that has one of these endings.
_RUN_TEXTS = frozenset({"vocabulary.txt", "samples.txt"})


def find_files(spec: str, names: Iterable[str] = ()) -> list[Path]:
    """The files that a path, a directory or a glob pattern stands for, sorted.

    A directory stands for the text files in it and below it, by their endings: .txt, .text,
    .md, .rst and .jsonl, in capitals too, each also with .gz. Hidden files and directories are
    left out. So is, also from what a pattern matches, what tfseq writes itself: the vocabulary
    and samples in run directories, all of a SavedModel, and the cache.

    `names` are other things that might have been meant, for the message.

    Raises:
        InputError: there are none.
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
            raise InputError(f"{spec} must be a regular file, because it is read more than once.")
        found = [Path(found) for found in glob.glob(str(path), recursive=True)]
    except OSError as error:
        raise InputError(f"{spec} cannot be read: {error.strerror}.") from None
    found = sorted(file for file in found if file.is_file())
    plain = str(path)[: glob.escape(str(path)).find("[")]
    files = _without_own(found, Path(os.path.dirname(plain)))
    if files:
        return files
    if found:
        raise InputError(f"All files that match {spec} belong to runs, exports or the cache.")
    if glob.has_magic(spec):
        raise InputError(f"No file matches {spec}.")
    siblings = glob.iglob(glob.escape(str(path.parent)) + "/*")
    hint = did_you_mean(spec, [*names, *map(os.path.normpath, siblings)])
    raise InputError(f"There is no corpus or file {spec}.{hint}")


def _files_below(directory: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise error

    found = []
    for parent, directories, names in os.walk(directory, onerror=refuse):
        directories[:] = [name for name in directories if not name.startswith(".")]
        found += [
            Path(parent, name)
            for name in names
            if name.lower().endswith(_ENDINGS_READ) and not name.startswith(".")
        ]
    # A pipe or a device would be waited for; a link to nothing is named when it is read.
    found = sorted(file for file in found if file.is_file() or not file.exists())
    files = _without_own(found, directory)
    if not files:
        left_out = " Files of runs, exports and the cache are left out." if found else ""
        raise InputError(
            f"There is no text in the directory {directory}: no file in it ends in "
            f"{', '.join(TEXT_ENDINGS)}, or in one of these with .gz.{left_out}"
        )
    return files


def _without_own(files: Iterable[Path], asked: Path) -> list[Path]:
    """The files that tfseq has not written itself; a cache that was asked for is read."""
    caches = {cache_directory().resolve() / name for name in ("corpora", "encoded")}
    caches -= {asked.resolve(), *asked.resolve().parents}
    holds = functools.cache(lambda directory, name: (directory / name).exists())

    def is_own(file: Path) -> bool:
        directory = file.absolute().parent
        if file.name in _RUN_TEXTS and (
            # A run; an entry of the cache of encoded corpora.
            (holds(directory, "config.json") and holds(directory, "corpus.json"))
            or (holds(directory, "ids") and holds(directory, "contents.json"))
        ):
            return True
        # A SavedModel keeps its vocabulary in `assets`.
        if holds(directory, "saved_model.pb") or holds(directory.parent, "saved_model.pb"):
            return True
        return not caches.isdisjoint(file.resolve().parents)

    return [file for file in files if not is_own(file)]
