"""Measure how well a trained language model predicts a text.

python pipelines/evaluate_language_model.py --run-dir runs/python_docs_gru
"""

import dataclasses
from typing import Literal

from tfseq.command_line import run
from tfseq.configuration import PositiveInt, parse_options


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """Measure a language model's perplexity: every token is predicted once, in order."""

    run_dir: str
    """The training run."""
    corpus: str | None = None
    """Another text, all of it; left out, the run's own."""
    part: Literal["validation", "train"] = "validation"
    """Which part of the run's own text."""
    batch_size: PositiveInt = 32
    """Stretches of a long text that are read side by side, each from the zero state; 1 reads it
    in one pass. CORPUS is read in one pass up to 16,384 tokens, as an export's score reads it."""


def main(options: EvaluationOptions) -> None:
    from tfseq.serving import ServingSettings
    from tfseq.training import Evaluator, load_run

    trained = load_run(options.run_dir)
    part, ids, context = choose_part(trained, options)
    as_score = options.corpus is not None and len(ids) <= ServingSettings.max_score_bytes
    result = Evaluator(trained.model, 1 if as_score else options.batch_size)(ids, context)
    unit = "character" if trained.options.tokenizer == "char" else "word"
    print(f"text        {part}: {result.num_tokens:,} {unit}s predicted")
    print(f"perplexity  {result.perplexity:.4f} per {unit}")
    print(f"bits        {result.bits_per_token:.4f} per {unit}")


def choose_part(trained, options: EvaluationOptions):
    """The name of the text, its ids, and the id before them, if there is one."""
    corpus = trained.encode(options.corpus)
    if options.corpus is not None:
        return options.corpus, corpus.ids, None
    name = f"{trained.options.corpus}, {options.part} part"
    if options.part == "train":
        return name, corpus.train, None
    return name, corpus.validation, int(corpus.train[-1])


if __name__ == "__main__":
    run(lambda: parse_options(EvaluationOptions), main)
