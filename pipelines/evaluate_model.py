"""Evaluate the model of a run of any task.

python pipelines/evaluate_model.py --run-dir runs/python_docs_gru
"""

import dataclasses
from typing import Annotated, Literal

import tyro

import tfseq
from tfseq.cluster.where import Where
from tfseq.options.command_line import run
from tfseq.options.rules import NonNegativeFloat, PathText, PositiveInt, Probability, Size
from tfseq.options.scale.spread_options import SpreadOptions
from tfseq.tasks.language_model.evaluation.adaptive_settings import (
    CacheSettings,
    DynamicSettings,
    settings_of,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationOptions(SpreadOptions):
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
    dynamic: bool = False
    """Language model: also evaluate a copy that goes on learning from the text that it has just
    predicted (dynamic evaluation, Krause et al., 2018)."""
    dynamic_learning_rate: NonNegativeFloat | None = None
    """Its learning rate; if omitted, 0.0001 for characters, or 0.00005 for other tokens."""
    dynamic_decay: NonNegativeFloat | None = None
    """How fast its weights go back to the trained ones; if omitted, 0.003."""
    dynamic_segment_tokens: Size | None = None
    """Tokens that it predicts before each update; if omitted, 20 characters, or 5 other tokens."""
    cache: PositiveInt | None = None
    """Language model: also evaluate it with a neural cache of so many tokens (Grave et al.,
    2017)."""
    cache_flatness: NonNegativeFloat | None = None
    """How much more the cache heeds states like the present one; if omitted, 0.3."""
    cache_weight: Probability | None = None
    """The share of the cache in each probability; if omitted, 0.1."""
    tune: bool = False
    """Choose learning rate, decay, flatness and weight on the validation split."""


def main(options: EvaluationOptions) -> None:
    where = Where(options.cluster, options.workers, print)
    where.check(dynamic=options.dynamic, cache=options.cache, tune=options.tune)
    where.leave_memory()
    given = {
        "split": options.split,
        "batch_size": options.batch_size,
        "dynamic": settings_of(options, "dynamic", DynamicSettings),
        "cache": settings_of(options, "cache", CacheSettings, size=options.cache),
        "tune": options.tune or None,
        "where": where,
    }
    given = {name: value for name, value in given.items() if value is not None}
    task = tfseq.load(options.run_dir)
    task.check_arguments(task.evaluate, given)
    print(task.describe(task.evaluate(options.data, **given)))


def command() -> None:
    run(EvaluationOptions, main)


if __name__ == "__main__":
    command()
