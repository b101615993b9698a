"""One step of a recurrent network. Needs Keras alone, on any of its backends.

Names are loaded on first use: a list of the cells needs not even Keras.
"""

from typing import TYPE_CHECKING

from tfseq._lazy import attach

if TYPE_CHECKING:
    from tfseq.cells.gru_cell import GRUCell as GRUCell
    from tfseq.cells.layer_norm_lstm_cell import LayerNormLSTMCell as LayerNormLSTMCell
    from tfseq.cells.linear_cell import LinearCell as LinearCell
    from tfseq.cells.lstm_cell import LSTMCell as LSTMCell
    from tfseq.cells.min_gru_cell import MinGRUCell as MinGRUCell
    from tfseq.cells.min_lstm_cell import MinLSTMCell as MinLSTMCell
    from tfseq.cells.mogrifier_cell import MogrifierCell as MogrifierCell
    from tfseq.cells.recurrent_cell import RecurrentCell as RecurrentCell
    from tfseq.cells.rg_lru_cell import RGLRUCell as RGLRUCell
    from tfseq.cells.simple_rnn_cell import SimpleRNNCell as SimpleRNNCell
    from tfseq.cells.table import CELLS as CELLS
else:
    __getattr__, __dir__, __all__ = attach(__name__)
