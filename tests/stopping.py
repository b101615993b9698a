"""Lets something happen to a training run after some steps, as a kill or a full disk would."""


def meeting(run, step: int, event):
    """Let something happen to a `TrainingRun` when it has done so many steps."""
    train_epoch = run.trainer.train_epoch

    def train_and_meet():
        steps = train_epoch()
        while True:
            if run.trainer.progress.step == step:
                event()
            try:
                metrics = next(steps)
            except StopIteration:
                return
            yield metrics

    run.trainer.train_epoch = train_and_meet
    return run


def stopping(run, step: int, error: BaseException):
    """Let a run meet an error when it has done so many steps."""

    def stop():
        raise error

    return meeting(run, step, stop)
