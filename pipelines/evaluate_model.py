"""Measure the model of a run, of any task.

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
    """Measure a trained model: a language model's perplexity, a classifier's or a tagger's accuracy
    and F1, a forecaster's errors."""

    run_dir: PathText
    """The training run, of any task."""
    data: Annotated[PathText | None, tyro.conf.arg(aliases=["--corpus"])] = None
    """Other data of the same kind, all of it; left out, what the run has set apart of its own."""
    split: Literal["validation", "train"] | None = None
    """Which split of a language model's own text; left out, validation."""
    batch_size: PositiveInt | None = None
    """Stretches of a long text that a language model reads side by side, each from the zero state;
    1 reads it in one pass; left out, 32."""


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
