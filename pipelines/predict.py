"""Score, label, tag or forecast a whole file of inputs with the model of a run.

python pipelines/predict.py --run-dir runs/mail --input mails.jsonl --output labels.jsonl
"""

import dataclasses
from typing import Annotated

import tyro

from tfseq.options.command_line import run
from tfseq.options.rules import (
    CountOrZero,
    NonNegativeFloat,
    PathText,
    PositiveInt,
    Rule,
    Seed,
)


@dataclasses.dataclass(frozen=True)
class PredictionOptions:
    """Predict from every record of a file with the model of a run, and write as many rows in the
    same order. A command that was interrupted goes on where it was when it is given again."""

    run_dir: PathText
    """The run directory of any task. A language model scores texts, a classifier labels them, a
    tagger tags their tokens, and a forecaster goes on from values."""
    input: PathText
    """File of inputs: .txt (one a line), .jsonl, .csv, .tsv or .parquet."""
    output: PathText
    """File of results: .jsonl or .parquet. It must not exist."""
    field: str | None = None
    """The field or column of each record that is the input; if omitted, text, or values for a
    forecaster."""
    keep: tuple[str, ...] = ()
    """Fields of each record that are copied into the results, such as an id."""
    horizon: PositiveInt | None = None
    """Forecaster: steps ahead; if omitted, those of the run."""
    max_new_tokens: CountOrZero | None = None
    """Language model: continue each text by at most so many tokens, instead of scoring it."""
    temperature: NonNegativeFloat | None = None
    """Its sampling temperature; if omitted, 1."""
    top_k: CountOrZero | None = None
    """Sample from the k most probable tokens; 0 is off."""
    top_p: Annotated[float | None, Rule("above 0 and at most 1", lambda v: 0 < v <= 1)] = None
    """Sample from the fewest tokens that together have this probability; 1 is off."""
    seed: Seed | None = None
    """Seed of every text; equal texts are continued in the same way."""
    part_rows: PositiveInt = 1000
    """Rows that are done and kept together."""
    cluster: str | None = None
    """Use the processes of a Ray cluster: auto finds or starts one, or give its host:port."""
    num_workers: Annotated[PositiveInt | None, tyro.conf.arg(aliases=["--workers"])] = None
    """How many processes of the cluster, one CPU each; if omitted, all its CPUs."""


#: Options that are settings of one task or the other.
_SETTINGS = ("horizon", "max_new_tokens", "temperature", "top_k", "top_p", "seed")


def main(options: PredictionOptions) -> None:
    from tfseq.tasks.prediction.predict_file import predict_file

    settings = {name: getattr(options, name) for name in _SETTINGS}
    predict_file(
        options.run_dir,
        options.input,
        options.output,
        field=options.field,
        keep=options.keep,
        settings={name: value for name, value in settings.items() if value is not None},
        part_rows=options.part_rows,
        cluster=options.cluster,
        num_workers=options.num_workers,
    )


def command() -> None:
    run(PredictionOptions, main)


if __name__ == "__main__":
    command()
