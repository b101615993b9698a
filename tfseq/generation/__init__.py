"""Text written and scored by a language model."""

from tfseq.generation.controls.controls import Controls
from tfseq.generation.generation import Generation
from tfseq.generation.random_numbers import gumbel_noise
from tfseq.generation.sampling import SamplerSettings, sample
from tfseq.generation.text_generator import TextGenerator
from tfseq.generation.text_graph import Score

__all__ = [
    "Controls",
    "Generation",
    "SamplerSettings",
    "Score",
    "TextGenerator",
    "gumbel_noise",
    "sample",
]
