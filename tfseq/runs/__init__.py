"""Any training run: its directory, checkpoints, trainer, event log. Knows no task."""
