"""Token ids to windows: random or sequential batches as `tf.data`, for training."""

from tfseq.data.windows import num_batches, random_windows, sequential_windows

__all__ = ["num_batches", "random_windows", "sequential_windows"]
