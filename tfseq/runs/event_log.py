"""Scalars for TensorBoard, written without it."""

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from tfseq.files.atomic_file import WriteError, writing

Event = tf.compat.v1.Event
SessionLog = tf.compat.v1.SessionLog
Summary = tf.compat.v1.Summary


class EventLog:
    """An event file that TensorBoard follows as it grows.

    TensorFlow no longer brings TensorBoard along, and `tf.summary.scalar` needs it. The file
    format does not: a TFRecord file of `Event` messages.

    Args:
        directory: where the file goes; made if it is not there.
        first_step: TensorBoard drops what earlier files hold from this step on. A resumed run
            writes those steps again.

    Raises:
        WriteError: the file cannot be written.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory, EventLog(directory) as log:
    ...     log.write(1, {"perplexity": 4.0})
    """

    def __init__(self, directory: str | os.PathLike, first_step: int = 0):
        directory = Path(directory)
        name = f"events.out.tfevents.{time.time_ns() // 1000:016d}.{socket.gethostname()}"
        self._path = directory / name
        self._size = 0
        with writing(self._path):
            directory.mkdir(parents=True, exist_ok=True)
            self._writer = tf.io.TFRecordWriter(str(self._path))
        self._add(Event(wall_time=time.time(), file_version="brain.Event:2"))
        start = SessionLog(status=SessionLog.START)
        self._add(Event(wall_time=time.time(), step=first_step, session_log=start))

    def write(self, step: int, figures: Mapping[str, object]) -> None:
        """Add the figures that are floats at `step`.

        Raises:
            WriteError: the disk is full. The file keeps the events that it had.
        """
        values = [
            Summary.Value(tag=name, simple_value=value)
            for name, value in figures.items()
            if isinstance(value, float)
        ]
        self._add(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _add(self, event: Event) -> None:
        try:
            with writing(self._path):
                self._writer.write(event.SerializeToString())
                self._writer.flush()
        except WriteError:
            self._cut()
            raise
        self._size = os.path.getsize(self._path)

    def _cut(self) -> None:
        """Take back the half of an event that still found room, and write no more."""
        with contextlib.suppress(tf.errors.OpError):
            self._writer.close()
        self._writer = None
        with contextlib.suppress(OSError):
            if self._size:
                os.truncate(self._path, self._size)
            else:
                os.unlink(self._path)
