"""What a trained model makes of a whole file of inputs."""

import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tfseq
from tfseq.cluster.where import Where
from tfseq.errors import InputError
from tfseq.options.rules import PositiveInt
from tfseq.options.scale.spread_options import PART_ROWS
from tfseq.tasks.prediction.answers import Rows, answered_rows
from tfseq.tasks.prediction.chosen import chosen, grouped
from tfseq.tasks.prediction.part_files import PartFiles
from tfseq.tasks.prediction.progress import Progress
from tfseq.tasks.prediction.records import read_records
from tfseq.tasks.prediction.run_digests import run_digests
from tfseq.tasks.prediction.spread import spread
from tfseq.tasks.task import checked_argument

T = TypeVar("T")


def predict_file(
    run_dir: str | os.PathLike,
    path: str | os.PathLike,
    output: str | os.PathLike,
    *,
    field: str | None = None,
    keep: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    expected: str | None = None,
    argument: str = "input",
    part_rows: int = PART_ROWS,
    cluster: str | None = None,
    workers: int | None = None,
    log: Callable[[str], None] = print,
) -> Path:
    """Predict from every record of a file, and write a file of as many rows in the same order.

    What is done is kept beside the output in parts. The same call again, after one that was killed
    or met a row that cannot be used, does what is missing; of an input that has been changed
    meanwhile, also the parts that differ.

    Args:
        run_dir: the run directory of any task.
        path: the inputs; see `read_records`.
        output: `.jsonl` or `.parquet`; must not be there. Rows are what `Task.predict_rows` gives.
        field: the name of the input in each record; None takes `text`, or `values` of a forecaster.
        keep: names of fields that are copied into the output, before the answers.
        settings: arguments of `Task.predict_rows` by name, but for the inputs and their numbers.
        expected: see `tfseq.load`.
        argument: what messages call `path`.
        part_rows: rows that are done and kept together, at most. Long rows are fewer.
        cluster: `auto`, or the address of a Ray cluster whose machines all see `run_dir`.
        workers: processes of a cluster, one a GPU where it has GPUs, else one a CPU; None takes as
            many as there is room for.
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
    checked_argument("part_rows", part_rows, PositiveInt)
    path, output, settings = Path(path), Path(output), dict(settings or {})
    parts = PartFiles(output)
    records = _begun(read_records(path, argument))
    where = Where(cluster, workers, log)
    where.check()
    where.leave_memory()
    task = tfseq.load(run_dir, expected)
    if own := [name for name in ("inputs", "first_row") if name in settings]:
        raise InputError(f"`settings` cannot have `{own[0]}`, which follows from the file.")
    task.check_arguments(task.predict_rows, settings)
    task.predict_rows([], **settings)  # Settings that do not go together are told at once.
    rows = _begun(chosen(record, field or task.input_field, keep) for record in records)
    about = {
        "model": run_digests(task.directory)[task.run.weights.name],
        "field": field or task.input_field,
        "keep": list(keep),
        "settings": settings,
        "part_rows": part_rows,
    }
    progress = Progress(log, "rows")

    def missing() -> Iterator[tuple[int, tuple]]:
        first = 0
        for number, part in enumerate(grouped(rows, part_rows)):
            if parts.next_is_done(_digest(first, part)):
                progress.was_done(len(part))
            else:
                yield number, (part, settings, first)
            first += len(part)

    with parts.held(about):
        with spread(task, where) as doers:
            for number, answers in doers.answers(answered_rows, missing()):
                parts.write(number, answers)
                progress.done(len(answers))
        parts.join()
    progress.end(str(output))
    return output


def _begun(values: Iterable[T]) -> Iterator[T]:
    """The same, of which the first has been made: what is wrong with it is told at once."""
    values = iter(values)
    return itertools.chain([*itertools.islice(values, 1)], values)


def _digest(first_row: int, part: Rows) -> str:
    """Of all that the answers depend on; places may be others."""
    values = [(given, kept) for (_, given), kept in part]
    return hashlib.sha256(repr((first_row, values)).encode("utf-8", "surrogatepass")).hexdigest()
