"""What TensorFlow Serving answers under `/v1/models/NAME` and `/monitoring`."""
