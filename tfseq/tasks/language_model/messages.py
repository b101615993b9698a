"""What a training run says to the person who waits for it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from tfseq.tasks.language_model.options import TrainingOptions

_CELLS = {"rnn": "simple RNN", "gru": "GRU", "lstm": "LSTM"}


def describe_model(options: TrainingOptions) -> str:
    """The cell and its size.

    >>> describe_model(TrainingOptions(cell="lstm", num_layers=2))
    'LSTM, 256 units, 2 layers'
    """
    layers = f", {options.num_layers} layers" if options.num_layers > 1 else ""
    return f"{_CELLS[options.cell]}, {options.units} units{layers}"


def describe_run(
    options: TrainingOptions,
    corpus_name: str,
    num_train: int,
    num_validation: int,
    vocabulary_size: int,
    num_parameters: int,
    place: Path,
) -> str:
    """The text, the model and the place of a run, in three lines."""
    return (
        f"text   {corpus_name}: {num_train:,} {_unit(options)}s to train on, "
        f"{num_validation:,} to validate, {vocabulary_size:,} symbols\n"
        f"model  {describe_model(options)}: {num_parameters:,} parameters\n"
        f"run    {place}\n"
    )


def describe_epoch(row: Mapping[str, Any], epochs: int, stopped_early: bool) -> str:
    """A line an epoch: perplexities, learning rate, speed."""
    text = f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}"
    text += f"  training {row['train_perplexity']:7.3f}"
    if "validation_perplexity" in row:
        text += f"  validation {row['validation_perplexity']:7.3f}"
    text += f"  learning rate {row['learning_rate']:.2g}"
    if row["seconds"]:
        text += f"  {row['tokens'] / row['seconds']:,.0f} tokens/s"
    return text + ("  (no longer better: stopped)" if stopped_early else "")


def describe_result(options: TrainingOptions, metrics: Mapping[str, Any]) -> str:
    """The figures a person asks for first, in a line or two."""
    unit = _unit(options)
    lines = []
    if metrics["validation_perplexity"] is not None:
        lines.append(
            f"validation perplexity {metrics['validation_perplexity']:.3f} per {unit} "
            f"({metrics['validation_bits_per_token']:.3f} bits), best after epoch "
            f"{metrics['best_epoch']} of {metrics['epochs']}"
        )
    if metrics["baseline_perplexity"] is not None:
        lines.append(_describe_baseline(metrics, unit))
    lines.append(
        f"training perplexity {metrics['train_perplexity']:.3f}; "
        f"{metrics['training_seconds']:,.0f} s of training, "
        f"{metrics['tokens_per_second']:,} {unit}s/s"
    )
    return "\n".join(lines)


def _describe_baseline(metrics: Mapping[str, Any], unit: str) -> str:
    text = (
        f"baseline perplexity   {metrics['baseline_perplexity']:.3f} per {unit} "
        f"({metrics['baseline_bits_per_token']:.3f} bits), {metrics['baseline_order']}-gram "
        "counts with Kneser-Ney smoothing"
    )
    read = [
        f"the {end} {metrics[f'baseline_{part}_tokens']:,} {unit}s of the {part}{ing} part"
        for part, ing, end in (("train", "ing", "last"), ("validation", "", "first"))
        if metrics[f"baseline_{part}_tokens"] < metrics[f"{part}_tokens"]
    ]
    return text + (f", of {' and '.join(read)} alone" if read else "")


def indented(text: str) -> str:
    """A sample of text, set off from the lines around it."""
    return "\n".join("    " + line for line in text.split("\n"))


@contextlib.contextmanager
def progress_bar(
    num_steps: int, position: Callable[[], int]
) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """A Keras progress bar that takes each step's figures; `num_steps` 0 shows none.

    Args:
        num_steps: steps in the epoch.
        position: gives the number of steps done.
    """
    if not num_steps:
        yield lambda figures: None
        return
    bar = keras.utils.Progbar(num_steps, stateful_metrics=["loss", "gradient_norm", "perplexity"])
    yield lambda figures: bar.update(position(), list(figures.items()))


def _unit(options: TrainingOptions) -> str:
    return "character" if options.tokenizer == "char" else "word"
