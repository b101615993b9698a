"""What holds for every test."""

import os

from hypothesis import settings

# What TensorFlow's C++ side prints would be taken for the output of a test.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# How long one example takes says nothing on a busy machine, or where TensorFlow traces first.
settings.register_profile("tfseq", deadline=None)
settings.load_profile("tfseq")
