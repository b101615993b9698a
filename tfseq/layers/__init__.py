"""Cells run over a sequence. Needs Keras alone, on any of its backends."""

from tfseq.layers.dropout import Dropout
from tfseq.layers.lookup import mark_lookup
from tfseq.layers.portable import portable_loops
from tfseq.layers.recurrent_stack import RecurrentStack
from tfseq.layers.rnn import RNN

__all__ = ["RNN", "Dropout", "RecurrentStack", "mark_lookup", "portable_loops"]
