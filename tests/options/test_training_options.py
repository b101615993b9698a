"""What every training run can be told, and what of it may differ where the run goes on."""

import dataclasses

from tfseq.options.rules import FreeOnResume, PositiveInt, Size, check_options, free_on_resume
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
