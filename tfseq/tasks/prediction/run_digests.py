"""What the files of a run hold, told by their digests."""

import hashlib
from pathlib import Path

from tfseq.runs.run_directory import RunDirectory

_SMALL = (
    "config.json",
    "vocabulary.txt",
    "subwords.model",
    "labels.json",
    "tags.json",
    "series.json",
)


def run_digests(directory: Path) -> dict[str, str]:
    """SHA-256 of each file from which the model of a run is loaded: its weights, options, tokens...

    Args:
        directory: the run directory. Files that it has not got are left out.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = Path(place, "config.json").write_text("{}")
    ...     run_digests(Path(place))
    {'config.json': '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'}
    """
    files = [RunDirectory(directory).weights, *(directory / name for name in _SMALL)]
    found = {}
    for path in filter(Path.is_file, files):
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
