"""Write text with a trained language model.

python pipelines/generate_text.py --run-dir runs/python_docs_gru --prompt "The "
"""

import dataclasses
from typing import Annotated

from tfseq.command_line import run
from tfseq.configuration import (
    CountOrZero,
    NonNegativeFloat,
    PositiveInt,
    Rule,
    Seed,
    parse_options,
)


@dataclasses.dataclass(frozen=True)
class GenerationOptions:
    """Continue a prompt with a language model."""

    run_dir: str
    """The training run."""
    prompt: str = ""
    """What the text begins with; symbols the model does not know are read as <unk>."""
    max_new_tokens: CountOrZero = 300
    """Tokens to add."""
    temperature: NonNegativeFloat = 0.8
    """Below 1 bolder, above 1 wilder; 0 always takes the most probable token."""
    top_k: CountOrZero = 0
    """Choose from the k most probable tokens; 0 is off."""
    top_p: Annotated[float, Rule("above 0 and at most 1", lambda v: 0 < v <= 1)] = 1.0
    """Choose from the fewest tokens that together have this probability; 1 is off."""
    beam_size: CountOrZero = 0
    """Seek the BEAM_SIZE most probable texts instead of drawing one; 0 is off."""
    num_samples: PositiveInt = 1
    """Texts to write, with the seeds SEED, SEED + 1, ..."""
    seed: Seed = 0
    """The same seed writes the same text."""
    allow_unknown: bool = False
    """Let the model write <unk>."""


def main(options: GenerationOptions) -> None:
    from tfseq.generation import TextGenerator
    from tfseq.training import load_run

    trained = load_run(options.run_dir)
    generator = TextGenerator(trained.model, trained.tokenizer, trained.vocabulary)
    if options.beam_size:
        beams = generator.beam_search(
            options.prompt, options.max_new_tokens, options.beam_size, options.allow_unknown
        )
        for number, beam in enumerate(beams):
            print(f"{'' if number == 0 else chr(10)}--- log P {beam.log_probability:.2f} ---")
            print(beam.text)
        return
    texts = generator.generate(
        [options.prompt] * options.num_samples,
        options.max_new_tokens,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        seed=[options.seed + i for i in range(options.num_samples)],
        allow_unknown=options.allow_unknown,
    )
    for number, generation in enumerate(texts):
        if options.num_samples > 1:
            print(f"{'' if number == 0 else chr(10)}--- seed {options.seed + number} ---")
        print(generation.text)


if __name__ == "__main__":
    run(lambda: parse_options(GenerationOptions), main)
