"""Training in Keras' own loop: what `model.fit` needs to train a recurrent model as tfseq does."""

from tfseq.fit.backup_and_resume import BackupAndResume
from tfseq.fit.reset_states import ResetStates
from tfseq.fit.stateful_model import StatefulModel
from tfseq.fit.windows import Windows

__all__ = ["BackupAndResume", "ResetStates", "StatefulModel", "Windows"]
