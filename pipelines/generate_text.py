"""Write text with a trained language model.

python pipelines/generate_text.py --run-dir runs/python_docs_gru --prompt "The "
python pipelines/generate_text.py --server localhost:8500 --prompt "The "
"""

import dataclasses
from typing import Annotated, Literal

from tfseq.errors import InputError
from tfseq.options.command_line import run
from tfseq.options.rules import (
    CountOrZero,
    NonNegativeFloat,
    PathText,
    PositiveInt,
    Prompt,
    Rule,
    Seed,
)


@dataclasses.dataclass(frozen=True)
class GenerationOptions:
    """Continue a prompt with a language model."""

    run_dir: PathText | None = None
    """The training run; or --server."""
    server: str | None = None
    """HOST:PORT of a TensorFlow Serving that has an export; or --run-dir."""
    model_name: str = "python_docs_gru"
    """The model's name on the server."""
    protocol: Literal["grpc", "rest"] = "grpc"
    """How to speak to the server; its usual ports are 8500 and 8501."""
    prompt: Prompt = ""
    """What the text begins with; symbols the model does not know are read as <unk>."""
    max_new_tokens: CountOrZero = 300
    """Tokens to add."""
    temperature: NonNegativeFloat = 0.8
    """Low is careful, high is wild; 1 is the model as it is, and 0 always takes the most probable
    token."""
    top_k: CountOrZero = 0
    """Choose from the k most probable tokens; 0 is off."""
    top_p: Annotated[float, Rule("above 0 and at most 1", lambda v: 0 < v <= 1)] = 1.0
    """Choose from the fewest tokens that together have this probability; 1 is off."""
    beam_size: CountOrZero = 0
    """Seek the BEAM_SIZE most probable texts instead of drawing one; 0 is off. A server's export
    has its own size: as many are shown of what it gives."""
    num_samples: PositiveInt = 1
    """Texts to write, with the seeds SEED, SEED + 1, ..."""
    seed: Seed = 0
    """The same seed writes the same text."""
    allow_unknown: bool = False
    """Let the model write <unk>; not on a server."""


def main(options: GenerationOptions) -> None:
    if (options.run_dir is None) == (options.server is None):
        raise InputError("Give one of `--run-dir` and `--server`.")
    if options.server and options.allow_unknown:
        raise InputError("`--allow-unknown` needs `--run-dir`: an export never writes <unk>.")
    if options.beam_size:
        refuse_sampling(options)
    texts = ask_server(options) if options.server else ask_model(options)
    for number, (title, text) in enumerate(texts):
        if len(texts) > 1 or options.beam_size:
            print(f"{'' if number == 0 else chr(10)}--- {title} ---")
        print(text)


def refuse_sampling(options: GenerationOptions) -> None:
    """Raises InputError for what would have no effect: a beam search draws nothing."""
    given = [
        f"`--{field.name.replace('_', '-')}`"
        for field in dataclasses.fields(options)
        if field.name in ("temperature", "top_k", "top_p", "num_samples", "seed")
        and getattr(options, field.name) != field.default
    ]
    if given:
        raise InputError(
            f"{', '.join(given)} cannot go with `--beam-size`: a beam search draws nothing, "
            "and its texts are those of BEAM_SIZE beams."
        )


def ask_model(options: GenerationOptions) -> list[tuple[str, str]]:
    """Titles and texts from the model of a run."""
    import tfseq

    generator = tfseq.load(options.run_dir, expected="language_model").generator
    if options.beam_size:
        beams = generator.beam_search(
            options.prompt, options.max_new_tokens, options.beam_size, options.allow_unknown
        )
        return [(f"log P {beam.log_probability:.2f}", beam.text) for beam in beams]
    generations = generator.generate(
        [options.prompt] * options.num_samples,
        options.max_new_tokens,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        seed=seeds(options),
        allow_unknown=options.allow_unknown,
    )
    return [
        (f"seed {seed}", generation.text)
        for seed, generation in zip(seeds(options), generations, strict=True)
    ]


def ask_server(options: GenerationOptions) -> list[tuple[str, str]]:
    """Titles and texts from a server."""
    import sys

    from tfseq.serving import Client

    with Client(options.server, options.model_name, protocol=options.protocol) as client:
        if options.beam_size:
            outputs = client.beam_search(options.prompt, options.max_new_tokens)
            texts = [
                (f"log P {score:.2f}", text)
                for score, text in zip(
                    outputs["log_probabilities"][0], outputs["texts"][0], strict=True
                )
            ][: options.beam_size]
        else:
            outputs = client.generate(
                [options.prompt] * options.num_samples,
                options.max_new_tokens,
                temperature=options.temperature,
                top_k=options.top_k,
                top_p=options.top_p,
                seed=seeds(options),
            )
            texts = [
                (f"seed {seed}", text)
                for seed, text in zip(seeds(options), outputs["text"], strict=True)
            ]
    for warning in dict.fromkeys(filter(None, outputs["warning"])):
        print(f"warning: {warning}", file=sys.stderr)
    return texts


def seeds(options: GenerationOptions) -> list[int]:
    """The seed of each text."""
    return [options.seed + i for i in range(options.num_samples)]


def command() -> None:
    run(GenerationOptions, main)


if __name__ == "__main__":
    command()
