"""What a trained model makes of a whole file of inputs."""

import hashlib
import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tfseq
from tfseq.errors import InputError
from tfseq.options.rules import PositiveInt, checked
from tfseq.runs.steps.clock import Clock
from tfseq.tasks.prediction.answers import Rows, answered_rows
from tfseq.tasks.prediction.part_files import PartFiles
from tfseq.tasks.prediction.records import Record, read_records
from tfseq.tasks.prediction.workers import workers
from tfseq.tasks.task import Task

#: Rows that are done and kept together.
PART_ROWS = 1000
_SECONDS_A_LINE = 60.0


def predict_file(
    run_dir: str | os.PathLike,
    path: str | os.PathLike,
    output: str | os.PathLike,
    *,
    field: str | None = None,
    keep: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    part_rows: int = PART_ROWS,
    cluster: str | None = None,
    num_workers: int | None = None,
    log: Callable[[str], None] = print,
) -> Path:
    """Predict from every record of a file, and write a file of as many rows in the same order.

    What is done is kept beside the output in parts. The same call again, after a run that was
    killed, goes on after the last part.

    Args:
        run_dir: the run directory of any task.
        path: the inputs; see `read_records`.
        output: `.jsonl` or `.parquet`; must not be there. Rows are what `Task.predict_rows` gives.
        field: the name of the input in each record; None takes `text`, or `values` of a forecaster.
        keep: names of fields that are copied into the output, before the answers.
        settings: arguments of `Task.predict_rows` by name.
        part_rows: rows that are done and kept together.
        cluster: `auto`, or the address of a Ray cluster whose machines all see `run_dir`.
        num_workers: processes of a cluster, one CPU each; None takes as many as it has CPUs.
        log: where lines about the progress go.

    Returns:
        The path of the output.

    Raises:
        InputError: a file cannot be read or written, a record has not got the field or has another
            kind of value in it, or a setting is none of this task. What was done is kept.

    Example:

    >>> import tempfile, tfseq
    >>> with tempfile.TemporaryDirectory() as place:
    ...     options = tfseq.ForecastingOptions(
    ...         run_dir=f"{place}/sine", epochs=1, units=4, export=False, verbose="quiet"
    ...     )
    ...     task = tfseq.train(options, log=lambda line: None)
    ...     inputs = Path(place, "in.jsonl")
    ...     _ = inputs.write_text('{"id": 7, "values": [0.0, 0.3, 0.6]}')
    ...     found = predict_file(
    ...         task.directory, inputs, f"{place}/out.jsonl", keep=["id"],
    ...         settings={"horizon": 2}, log=lambda line: None,
    ...     )
    ...     print(found.read_text()[:21])
    {"id": 7, "forecast":
    """
    checked("part_rows", part_rows, PositiveInt)
    checked("num_workers", num_workers, PositiveInt | None)
    if num_workers is not None and cluster is None:
        raise InputError(f"`num_workers` needs `cluster`, such as auto. Received: {num_workers}.")
    path, output, settings = Path(path), Path(output), dict(settings or {})
    records = read_records(path)
    task = tfseq.load(run_dir)
    task.check_arguments(task.predict_rows, settings)
    task.predict_rows([], **settings)  # Settings that do not go together are told at once.
    field = field or task.input_field
    about = {
        "input": _digest(path),
        "model": _digest(task.run.weights),
        "field": field,
        "keep": list(keep),
        "settings": settings,
        "part_rows": part_rows,
    }
    parts = PartFiles(output, about)
    progress, num_parts = _Progress(log), 0

    def missing() -> Iterator[tuple[int, Rows]]:
        nonlocal num_parts
        for num_parts, rows in enumerate(_grouped(records, part_rows), start=1):
            if not parts.has(num_parts - 1):
                yield num_parts - 1, [_chosen(row, field, keep) for row in rows]
            else:
                progress.skipped += len(rows)

    for number, rows in _answered(task, missing(), settings, cluster, num_workers, log):
        parts.write(number, rows)
        progress.done(len(rows))
    parts.join(num_parts)
    progress.end(output)
    return output


def _answered(
    task: Task,
    parts: Iterable[tuple[int, Rows]],
    settings: Mapping[str, Any],
    cluster: str | None,
    num_workers: int | None,
    log: Callable[[str], None],
) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The rows of each part as it is done, here or on a cluster."""
    if cluster is not None:
        yield from workers(task.directory, parts, settings, cluster, num_workers, log)
        return
    for number, rows in parts:
        yield number, answered_rows(task, rows, settings)


def _grouped(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    records = iter(records)
    while group := list(itertools.islice(records, size)):
        yield group


def _chosen(record: Record, field: str, keep: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """The input of a record and what is kept of it."""
    for name in (field, *keep):
        if name not in record.fields:
            names = ", ".join(map(repr, record.fields)) or "nothing"
            what = "field" if name == field else "keep"
            raise InputError(f"`{what}`: {record.place} has no {name!r}. It has: {names}.")
    kept = {name: record.fields[name] for name in keep}
    try:
        json.dumps(kept, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise InputError(
            f"`keep`: {record.place} has a value that cannot be written as JSON: {error}."
        ) from None
    return (record.place, record.fields[field]), kept


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None


class _Progress:
    """Says once a minute, and at the end, how far the work is."""

    def __init__(self, log: Callable[[str], None]):
        self._log, self.skipped, self._rows = log, 0, 0
        self._start, self._clock = time.monotonic(), Clock(_SECONDS_A_LINE)

    def done(self, num_rows: int) -> None:
        self._rows += num_rows
        if self._clock.due():
            self._log(f"{self._rows + self.skipped:,} rows, {self._rate():,.0f} a second")

    def end(self, output: Path) -> None:
        before = f", {self.skipped:,} of them before" if self.skipped else ""
        rate = f", {self._rate():,.0f} a second" if self._rows else ""
        self._log(f"{output}: {self._rows + self.skipped:,} rows{before}{rate}")

    def _rate(self) -> float:
        return self._rows / max(time.monotonic() - self._start, 1e-9)
