"""The loop over time on TensorFlow: traced, sorted, compiled."""
