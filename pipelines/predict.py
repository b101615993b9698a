"""Score, label, tag or forecast a whole file of inputs with the model of a run.

python pipelines/predict.py --run-dir runs/mail --input mails.jsonl --output labels.jsonl
"""

import dataclasses

from tfseq.options.command_line import run
from tfseq.options.rules import PathText, PositiveInt
from tfseq.options.scale.spread_options import FileOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictionOptions(FileOptions):
    """Predict from every record of a file with the model of a run, and write as many rows in the
    same order. A command that was interrupted goes on where it was when it is given again."""

    run_dir: PathText
    """The run directory of any task. A language model scores texts, a classifier labels them, a
    tagger tags their tokens, and a forecaster goes on from values."""
    input: PathText
    """File of inputs: .txt (one a line), .jsonl, .csv, .tsv or .parquet."""
    output: PathText
    """File of results: .jsonl or .parquet. It must not exist."""
    horizon: PositiveInt | None = None
    """Forecaster: steps ahead; if omitted, those of the run."""


def main(options: PredictionOptions) -> None:
    from tfseq.tasks.prediction.predict_file import predict_file

    predict_file(
        options.run_dir,
        options.input,
        options.output,
        settings={} if options.horizon is None else {"horizon": options.horizon},
        **options.how(),
    )


def command() -> None:
    run(PredictionOptions, main)


if __name__ == "__main__":
    command()
