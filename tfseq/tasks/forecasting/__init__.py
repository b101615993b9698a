"""A forecaster, from a series to a finished run."""
