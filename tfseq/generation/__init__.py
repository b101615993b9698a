"""Text written and scored by a language model."""

from tfseq.generation.random_numbers import gumbel_noise
from tfseq.generation.sampling import SamplerSettings, sample
from tfseq.generation.text_generator import Generation, TextGenerator
from tfseq.generation.text_graph import Score

__all__ = ["Generation", "SamplerSettings", "Score", "TextGenerator", "gumbel_noise", "sample"]
