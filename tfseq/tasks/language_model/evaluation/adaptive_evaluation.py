"""The figures of evaluations in which a model takes account of the text it has just read."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfseq.data import EncodedCorpus
from tfseq.errors import InputError
from tfseq.models import LanguageModel
from tfseq.tasks.language_model.evaluation.adaptive_settings import CacheSettings, DynamicSettings
from tfseq.tasks.language_model.evaluation.dynamic_evaluation import DynamicEvaluator
from tfseq.tasks.language_model.evaluation.evaluation_figures import adaptive_figures
from tfseq.tasks.language_model.evaluation.evaluator import Evaluation
from tfseq.tasks.language_model.evaluation.neural_cache import CacheEvaluator
from tfseq.tasks.language_model.evaluation.text_size import TextSize

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


def adaptive_results(
    model: LanguageModel,
    text: Text,
    size: TextSize,
    corpus: EncodedCorpus | None,
    dynamic: DynamicSettings | None,
    cache: CacheSettings | None,
    tune: bool,
) -> dict[str, Any]:
    """The figures of those of the two that are asked for: see `adaptive_figures`.

    Args:
        model: the model.
        text: what is measured.
        size: its size.
        corpus: the run's own text, of which `dynamic` needs the training split, `tune` the other.
        dynamic, cache: settings; None where it is not asked for.
        tune: whether settings are chosen on the validation split.

    Raises:
        InputError: there is no validation split to tune on.
    """
    if tune and not len(corpus.validation):
        raise InputError("`tune` needs a validation split, which the run has not got.")
    tune_on = Text(corpus.validation, int(corpus.before("validation")[-1])) if tune else None
    figures = {}
    if dynamic:
        found = evaluate_dynamically(model, corpus.train, dynamic, text, tune_on)
        figures |= adaptive_figures("dynamic", *found, size, tune)
    if cache:
        found = evaluate_with_cache(model, cache, text, tune_on)
        figures |= adaptive_figures("cache", *found, size, tune)
    return figures
