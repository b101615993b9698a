"""A look at the files before each call that touches them: what another process might see then."""

import contextlib
import sys
from collections.abc import Callable, Iterator

_watchers: list[Callable[[str, tuple], None]] = []


def _audit(event: str, arguments: tuple) -> None:
    if _watchers and (event == "open" or event.startswith(("os.", "shutil."))):
        # What the watcher itself opens is not looked at.
        watcher = _watchers.pop()
        try:
            watcher(event, arguments)
        finally:
            _watchers.append(watcher)


@contextlib.contextmanager
def before_each_file_call(watcher: Callable[[str, tuple], None]) -> Iterator[None]:
    """Call `watcher(event, arguments)` before Python opens, renames, makes or removes anything.

    The events are those of `sys.audit`. What the watcher raises takes the call's place.
    """
    if not getattr(_audit, "is_set", False):
        # For the life of the process: there is no way to take a hook away.
        sys.addaudithook(_audit)
        _audit.is_set = True
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)
