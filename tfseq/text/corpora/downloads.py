"""Files from the web, fetched once and checked."""

import hashlib
import os
import shutil
import urllib.request
from http.client import HTTPException
from pathlib import Path

from tfseq.errors import InputError
from tfseq.files.atomic_file import atomic_file

_TIMEOUT_SECONDS = 30


def cache_directory() -> Path:
    """Where downloads and encoded corpora are kept; it need not exist.

    That is `$TFSEQ_CACHE`, or `$XDG_CACHE_HOME/tfseq`, or `~/.cache/tfseq`.

    Raises:
        InputError: nothing of it is set, and this user has no home, as in some containers.
    """
    if chosen := os.environ.get("TFSEQ_CACHE"):
        return Path(os.path.expanduser(chosen))
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches, "tfseq")
    try:
        return Path.home() / ".cache" / "tfseq"
    except RuntimeError:
        raise InputError(
            "There is no home directory for encoded corpora. Set the environment variable "
            "TFSEQ_CACHE to a directory."
        ) from None


def download(url: str, sha256: str, path: str | os.PathLike) -> Path:
    """A file that has the given digest; it is downloaded unless it is there.

    Args:
        url: where it is.
        sha256: its digest, in hexadecimal.
        path: where it goes, whole or not at all. Missing directories are made.

    Raises:
        InputError: it cannot be fetched or written, or has another digest.
    """
    path = Path(path)
    if path.is_file() and _digest(path) == sha256:
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, sha256, path)
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise InputError(
            f"{url} cannot be downloaded to {path}: {reason}. You can put a copy there by hand."
        ) from error
    return path


def _fetch(url: str, sha256: str, path: Path) -> None:
    with atomic_file(path) as aside:
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response,
            aside.open("wb") as file,
        ):
            shutil.copyfileobj(response, file)
        received = _digest(aside)
        if received != sha256:
            raise InputError(
                f"{url} has changed: its SHA-256 must be {sha256}. Received: {received}."
            )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
