"""Weights from and to PyTorch and Keras. Needs Keras and NumPy alone, not PyTorch."""

from tfseq.interop.keras_weights import load_keras_weights, store_keras_weights
from tfseq.interop.torch_weights import load_torch_weights, torch_state_dict

__all__ = [
    "load_keras_weights",
    "load_torch_weights",
    "store_keras_weights",
    "torch_state_dict",
]
