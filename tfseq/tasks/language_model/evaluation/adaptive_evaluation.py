"""The figures of evaluations in which a model takes account of the text it has just read."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfseq.models import LanguageModel
from tfseq.tasks.language_model.evaluation.adaptive_settings import CacheSettings, DynamicSettings
from tfseq.tasks.language_model.evaluation.dynamic_evaluation import DynamicEvaluator
from tfseq.tasks.language_model.evaluation.evaluator import Evaluation
from tfseq.tasks.language_model.evaluation.neural_cache import CacheEvaluator

# A setting is chosen by so many tokens of the validation split, the first ones.
TUNING_TOKENS = 20_000
# It is doubled or halved so often, at most.
MAX_SEARCH_STEPS = 6


@dataclasses.dataclass(frozen=True)
class Text:
    """Token ids, and the id before the first, or None if there is none."""

    ids: np.ndarray
    context: int | None


def evaluate_dynamically(
    model: LanguageModel,
    train_ids: np.ndarray,
    settings: DynamicSettings,
    text: Text,
    tune_on: Text | None = None,
) -> tuple[Evaluation, DynamicSettings]:
    """Dynamic evaluation of a text.

    Args:
        model: the language model.
        train_ids: the text it was trained on, for the statistics of its gradient.
        settings: with `segment_tokens`.
        text: what is predicted.
        tune_on: what `learning_rate` and `decay` are chosen by, beginning with those of `settings`;
            None takes them as they are.

    Returns:
        The result, and the settings it was found with.
    """
    evaluator = DynamicEvaluator(model, train_ids, settings.segment_tokens)

    def measure(text: Text, settings: DynamicSettings) -> Evaluation:
        options = dataclasses.asdict(settings)
        del options["segment_tokens"]
        return evaluator(text.ids, text.context, **options)

    if tune_on is not None:
        settings = tuned(measure, settings, {"learning_rate": math.inf, "decay": math.inf}, tune_on)
    return measure(text, settings), settings


def evaluate_with_cache(
    model: LanguageModel, settings: CacheSettings, text: Text, tune_on: Text | None = None
) -> tuple[Evaluation, CacheSettings]:
    """Evaluation with a neural cache; `flatness` and `weight` are chosen by `tune_on`.

    The arguments and results are those of `evaluate_dynamically`.
    """
    evaluator = CacheEvaluator(model, settings.size)

    def measure(text: Text, settings: CacheSettings) -> Evaluation:
        weights = {"flatness": settings.flatness, "weight": settings.weight}
        return evaluator(text.ids, text.context, **weights)

    if tune_on is not None:
        settings = tuned(measure, settings, {"flatness": math.inf, "weight": 1.0}, tune_on)
    return measure(text, settings), settings


def tuned(
    measure: Callable[[Text, Any], Evaluation],
    settings: Any,
    limits: Mapping[str, float],
    text: Text,
) -> Any:
    """Settings with which the start of a text is predicted better than with those beside them.

    Each setting in turn is doubled, or else halved, for as long as that helps.

    Args:
        measure: what a text and settings give.
        settings: where the search begins.
        limits: what is chosen, by name, and what it stays below.
        text: what it is chosen by; `TUNING_TOKENS` of it are read.
    """
    text = Text(text.ids[:TUNING_TOKENS], text.context)
    least = measure(text, settings).mean_cross_entropy
    for name, limit in limits.items():
        start = settings
        for factor in (2, 0.5):
            for _ in range(MAX_SEARCH_STEPS):
                if (value := getattr(settings, name) * factor) >= limit:
                    break
                changed = dataclasses.replace(settings, **{name: value})
                loss = measure(text, changed).mean_cross_entropy
                # Nor where it is no number.
                if not loss < least:
                    break
                settings, least = changed, loss
            if settings is not start:
                break
    return settings
