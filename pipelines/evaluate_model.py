"""Evaluate the model of a run of any task.

python pipelines/evaluate_model.py --run-dir runs/python_docs_gru
"""

import dataclasses
from typing import Annotated, Literal

import tyro

import tfseq
from tfseq.options.command_line import run
from tfseq.options.rules import PathText, PositiveInt


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """Evaluate a trained model: the perplexity of a language model, accuracy and F1 of a classifier
    or tagger, errors of a forecaster."""

    run_dir: PathText
    """The run directory of any task."""
    data: Annotated[PathText | None, tyro.conf.arg(aliases=["--corpus"])] = None
    """Other data of the same kind, all of which is used; if omitted, the run's held-out data."""
    split: Literal["validation", "train", "test"] | None = None
    """Language model: which split of the run's own texts; if omitted, validation."""
    batch_size: PositiveInt | None = None
    """Language model: read a long text as this many pieces in parallel, each from a zero state; 1
    reads it in one pass; if omitted, 32."""


def main(options: EvaluationOptions) -> None:
    given = {name: getattr(options, name) for name in ("split", "batch_size")}
    given = {name: value for name, value in given.items() if value is not None}
    task = tfseq.load(options.run_dir)
    task.check_arguments(task.evaluate, given)
    print(task.describe(task.evaluate(options.data, **given)))


def command() -> None:
    run(EvaluationOptions, main)


if __name__ == "__main__":
    command()
