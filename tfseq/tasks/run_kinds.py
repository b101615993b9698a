"""Which task a run is of, told from its saved options."""

from collections.abc import Collection
from typing import NamedTuple


class RunKind(NamedTuple):
    """A task that a script trains.

    Attributes:
        model: what is trained, with its article.
        script: the script that trains it and goes on with it.
        option: an option that this task alone has.
    """

    model: str
    script: str
    option: str


RUN_KINDS = (
    RunKind("a language model", "train_language_model.py", "sampling"),
    RunKind("a text classifier", "train_text_classifier.py", "label_field"),
    RunKind("a tagger", "train_tagger.py", "tag_column"),
    RunKind("a forecaster", "forecast_series.py", "horizon"),
)


def run_kind(options: Collection[str]) -> RunKind | None:
    """The kind of run whose options have these names; None if it is none of `RUN_KINDS`.

    >>> run_kind(["epochs", "horizon"]).model
    'a forecaster'
    """
    return next((kind for kind in RUN_KINDS if kind.option in options), None)
