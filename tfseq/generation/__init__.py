"""Text written and scored by a language model."""

from tfseq.generation.decoding import decode, read_prompt
from tfseq.generation.random_numbers import uniform_draws
from tfseq.generation.sampling import sample
from tfseq.generation.scoring import token_log_probabilities
from tfseq.generation.text_generator import Generation, Score, TextGenerator
from tfseq.generation.text_graph import TextGraph

__all__ = [
    "Generation",
    "Score",
    "TextGenerator",
    "TextGraph",
    "decode",
    "read_prompt",
    "sample",
    "token_log_probabilities",
    "uniform_draws",
]
