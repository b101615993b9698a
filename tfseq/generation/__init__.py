"""Writing and scoring text with a language model."""

from tfseq.generation.sampling import sample

__all__ = ["sample"]
