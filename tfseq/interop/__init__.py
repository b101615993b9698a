"""Weights from and to PyTorch and Keras. Needs Keras and NumPy alone, not PyTorch."""

from tfseq.interop.found_weights import find_weights
from tfseq.interop.keras_weights import load_keras_weights, store_keras_weights
from tfseq.interop.torch_weights import load_torch_weights, torch_state_dict
from tfseq.interop.weight_files import read_weight_file

__all__ = [
    "find_weights",
    "load_keras_weights",
    "load_torch_weights",
    "read_weight_file",
    "store_keras_weights",
    "torch_state_dict",
]
