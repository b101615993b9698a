"""What every training run can be told, and what of it may differ where the run goes on."""

import dataclasses

import pytest

import tfseq
from tfseq.errors import InputError
from tfseq.options.rules import FreeOnResume, PositiveInt, Size, check_options, free_on_resume
from tfseq.options.run_options import parse_run_options
from tfseq.options.training_options import TrainingOptions

FREE = (
    "epochs patience run_dir resume checkpoint_seconds export_dir export report verbose config"
).split()


def test_what_is_free_on_resume_stays_so_in_a_subclass():
    @dataclasses.dataclass(frozen=True)
    class Options(TrainingOptions):
        units: Size = 8
        sample_epochs: FreeOnResume[PositiveInt | None] = None
        epochs: PositiveInt = 40

    check_options(Options())
    assert free_on_resume(TrainingOptions) == {*FREE}
    assert free_on_resume(Options) == {*FREE, "sample_epochs"}
    assert Options().epochs == 40


@pytest.mark.parametrize(
    ("options", "model"),
    [
        (tfseq.TextClassificationOptions, "a text classifier"),
        (tfseq.TaggingOptions, "a tagger"),
        (tfseq.ForecastingOptions, "a forecaster"),
    ],
)
@pytest.mark.parametrize(
    ("words", "option"),
    [(["--workers", "2"], "--workers"), (["--epochs=3", "--cluster=auto"], "--cluster")],
)
def test_several_workers_where_one_process_trains(options, model, words, option):
    with pytest.raises(InputError, match=f"`{option}` is .*One process trains {model}: leave"):
        parse_run_options(options, words)
    assert parse_run_options(tfseq.LanguageModelOptions, words)
