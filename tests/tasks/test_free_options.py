"""What a resumed run of each task may change: only what has no say in its weights."""

import dataclasses

import pytest

from tfseq.options.rules import free_on_resume
from tfseq.tasks.forecasting.options import ForecastingOptions
from tfseq.tasks.tagging.options import TaggingOptions
from tfseq.tasks.text_classification.options import TextClassificationOptions

FREE = "epochs patience run_dir resume checkpoint_seconds export_dir export report verbose config"


@pytest.mark.parametrize(
    "options_type", [TextClassificationOptions, TaggingOptions, ForecastingOptions]
)
def test_all_others_are_held(options_type):
    names = {field.name for field in dataclasses.fields(options_type)}
    held = {"batch_size", "optimizer", "learning_rate", "learning_rate_decay", "weight_decay"}
    held |= {"clip_norm", "seed", "cell", "units", "num_layers", "dropout", "validation_fraction"}
    held |= {"test_fraction", "precision", "recompute_steps"}
    free = free_on_resume(options_type)
    own = {"subword_model"} & names
    assert free == {*FREE.split(), "data", *own}
    assert held <= names - free
