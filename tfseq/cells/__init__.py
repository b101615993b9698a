"""One step of a recurrent network. Needs Keras alone, on any of its backends."""

from tfseq.cells.gru_cell import GRUCell
from tfseq.cells.lstm_cell import LSTMCell
from tfseq.cells.recurrent_cell import RecurrentCell
from tfseq.cells.simple_rnn_cell import SimpleRNNCell

__all__ = ["GRUCell", "LSTMCell", "RecurrentCell", "SimpleRNNCell"]
