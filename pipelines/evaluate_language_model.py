"""Measure how well a trained language model predicts a text.

python pipelines/evaluate_language_model.py --run-dir runs/python_docs_gru
"""

import dataclasses
from typing import Literal

from tfseq.options.command_line import run
from tfseq.options.configuration import parse_options
from tfseq.options.rules import PathText, PositiveInt


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """Measure a language model's perplexity: every token is predicted once, in order."""

    run_dir: PathText
    """The training run."""
    corpus: PathText | None = None
    """Another text, all of it; left out, the run's own."""
    part: Literal["validation", "train"] = "validation"
    """Which part of the run's own text."""
    batch_size: PositiveInt = 32
    """Stretches of a long text that are read side by side, each from the zero state; 1 reads it
    in one pass. CORPUS is read as an export's score reads it up to 16,384 bytes."""


def main(options: EvaluationOptions) -> None:
    from tfseq.tasks.language_model.trained_run import load_run

    from tfseq.serving import ServingSettings
    from tfseq.tasks.language_model.evaluation import Evaluator

    trained = load_run(options.run_dir)
    batch_size, context = options.batch_size, None
    if options.corpus is not None:
        part = options.corpus
        ids = trained.short_text(part, ServingSettings.max_score_bytes)
        if ids is None or len(ids) < 2:
            ids = trained.encode(part).ids
        else:
            batch_size = 1
    else:
        part, ids, context = choose_part(trained, options)
    result = Evaluator(trained.model, batch_size)(ids, context)
    unit = "character" if trained.options.tokenizer == "char" else "word"
    print(f"text        {part}: {result.num_tokens:,} {unit}s predicted")
    print(f"perplexity  {result.perplexity:.4f} per {unit}")
    print(f"bits        {result.bits_per_token:.4f} per {unit}")


def choose_part(trained, options: EvaluationOptions):
    """The name of a part of the run's text, its ids, and the id before them, if there is one."""
    corpus = trained.encode()
    name = f"{trained.options.corpus}, {options.part} part"
    if options.part == "train":
        return name, corpus.train, None
    return name, corpus.validation, int(corpus.train[-1])


if __name__ == "__main__":
    run(lambda: parse_options(EvaluationOptions), main)
