"""Text written and scored by a language model."""

from tfseq.generation.sampling import sample
from tfseq.generation.text_generator import Generation, Score, TextGenerator

__all__ = ["Generation", "Score", "TextGenerator", "sample"]
