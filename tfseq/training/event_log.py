"""Scalars for TensorBoard, written without it."""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

Event = tf.compat.v1.Event
SessionLog = tf.compat.v1.SessionLog
Summary = tf.compat.v1.Summary


class EventLog:
    """An event file that TensorBoard follows as it grows.

    TensorFlow no longer brings TensorBoard along, and `tf.summary.scalar` needs it. The file
    format does not: a TFRecord file of `Event` messages.

    Args:
        directory: where the file goes; made if it is not there.
        first_step: figures of earlier files from this step on are void, as after a resumed run
            has been set back to its checkpoint. TensorBoard drops them.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory, EventLog(directory) as log:
    ...     log.write(1, {"perplexity": 4.0})
    """

    def __init__(self, directory: str | os.PathLike, first_step: int = 0):
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns() // 1000:016d}.{socket.gethostname()}"
        self._writer = tf.io.TFRecordWriter(str(directory / name))
        self._add(Event(wall_time=time.time(), file_version="brain.Event:2"))
        start = SessionLog(status=SessionLog.START)
        self._add(Event(wall_time=time.time(), step=first_step, session_log=start))

    def write(self, step: int, figures: Mapping[str, object]) -> None:
        """Add the figures that are floats at `step`."""
        values = [
            Summary.Value(tag=name, simple_value=value)
            for name, value in figures.items()
            if isinstance(value, float)
        ]
        self._add(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _add(self, event: Event) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()
