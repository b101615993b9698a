"""Cells run over a sequence. Needs Keras alone, on any of its backends."""

from tfseq.layers.recurrent_stack import RecurrentStack
from tfseq.layers.rnn import RNN

__all__ = ["RNN", "RecurrentStack"]
