"""What holds for every test."""

from hypothesis import settings

# How long one example takes says nothing on a busy machine, or where TensorFlow traces first.
settings.register_profile("tfseq", deadline=None)
settings.load_profile("tfseq")
