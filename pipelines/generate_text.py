"""Generate text with a trained language model.

python pipelines/generate_text.py --run-dir runs/python_docs_gru --prompt "The "
python pipelines/generate_text.py --server localhost:8500 --prompt "The "
python pipelines/generate_text.py --run-dir runs/tales --prompts starts.jsonl --output tales.jsonl
"""

import dataclasses
from typing import Annotated, Literal

from tfseq.errors import InputError
from tfseq.options.command_line import run
from tfseq.options.rules import (
    BannedTokens,
    CountOrZero,
    NonNegativeFloat,
    PathText,
    PositiveInt,
    Prompt,
    Rule,
    Seed,
    Stops,
    from_to,
)
from tfseq.options.scale.spread_options import FileOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerationOptions(FileOptions):
    """Continue a prompt, or every prompt of a file, with a language model."""

    run_dir: PathText | None = None
    """The run directory of the model; or use --server."""
    server: str | None = None
    """HOST:PORT of a TensorFlow Serving that has the model, or https://HOST:PORT for TLS; or use
    --run-dir."""
    model_name: str = "python_docs_gru"
    """The name of the model on the server."""
    protocol: Literal["grpc", "rest"] = "grpc"
    """Protocol of the server; the usual port is 8500 for grpc and 8501 for rest."""
    ca_file: PathText | None = None
    """PEM file of the authorities to trust for the server's certificate, if not the system's."""
    token_file: PathText | None = None
    """File with the token that the server wants (sent as Authorization: Bearer)."""
    prompt: Prompt = ""
    """Start of the text; tokens that the model does not know are read as <unk>."""
    prompts: PathText | None = None
    """Continue every prompt of a file: .txt (one a line), .jsonl, .csv, .tsv or .parquet."""
    output: PathText | None = None
    """File: where the completions go, in the order of the prompts: .jsonl or .parquet. It must not
    exist. A command that was interrupted goes on where it was when it is given again."""
    max_new_tokens: CountOrZero = 300
    """How many tokens to generate."""
    temperature: NonNegativeFloat = 0.8
    """Sampling temperature. Low is careful, high is wild; 1 samples from the model's own
    distribution, and 0 always takes the most probable token."""
    top_k: CountOrZero = 0
    """Sample from the k most probable tokens; 0 is off."""
    top_p: Annotated[float, Rule("above 0 and at most 1", lambda v: 0 < v <= 1)] = 1.0
    """Sample from the fewest tokens that together have this probability; 1 is off."""
    min_p: Annotated[float, from_to(0, 1, "a number")] = 0.0
    """Sample from the tokens at least this probable, relative to the most probable one; 0 is off
    (Nguyen et al., 2024)."""
    repetition_penalty: Annotated[float, from_to(0.01, 100, "a number")] = 1.0
    """Make the last tokens less likely: positive logits are divided by this, others multiplied; 1
    is off."""
    repetition_window: CountOrZero = 64
    """How many of the last tokens both penalties look at, the prompt's included."""
    frequency_penalty: Annotated[float, from_to(-100, 100, "a number")] = 0.0
    """Take this from a token's logit for each time it is among the last tokens; 0 is off."""
    stop: Stops = ()
    """End the text before the first of these strings, up to four, whatever tokens make it up."""
    banned_tokens: BannedTokens = ()
    """Tokens of the model that are never written; for a server, fix them at export."""
    beam_size: CountOrZero = 0
    """Search for the BEAM_SIZE most probable texts instead of sampling; 0 is off. A server returns
    at most the number set at export."""
    num_samples: PositiveInt = 1
    """How many texts to sample, with the seeds SEED, SEED + 1, ...; of a file, for each prompt."""
    seed: Seed = 0
    """Seed of the samples; the same seed gives the same text. Each text of a file has the seed
    after that of the text before it, whichever worker writes it."""
    allow_unknown: bool = False
    """Allow <unk> in the text; a server never returns it."""


SAMPLING = ("temperature", "top_k", "top_p", "seed")
CONTROLS = ("min_p", "repetition_penalty", "repetition_window", "frequency_penalty")


def main(options: GenerationOptions) -> None:
    check(options)
    if options.prompts is not None:
        write_file(options)
        return
    seeds = [options.seed + i for i in range(options.num_samples)]
    settings = {name: getattr(options, name) for name in SAMPLING} | {"seed": seeds}
    rows = (ask_server if options.server else ask_model)(options, settings)
    for number, (text, log_probability) in enumerate(rows):
        if len(rows) > 1 or options.beam_size:
            title = f"log P {log_probability:.2f}" if options.beam_size else f"seed {seeds[number]}"
            print(f"{'' if number == 0 else chr(10)}--- {title} ---")
        print(text)


def check(options: GenerationOptions) -> None:
    """Raises InputError for options that exclude each other."""
    if (options.run_dir is None) == (options.server is None):
        raise InputError("Give either `run_dir` or `server`.")
    if (options.prompts is None) != (options.output is None):
        raise InputError("`prompts` and `output` go together: give both, or neither.")
    if options.prompts is not None:
        if options.server:
            raise InputError("`prompts` needs `run_dir`: a server is asked for one prompt.")
        if options.prompt:
            raise InputError("`prompt` cannot be used with `prompts`, which has them all.")
    else:
        usual = GenerationOptions().how()
        given = [name for name, value in options.how().items() if value != usual[name]]
        if given:
            names = ", ".join(f"`{name}`" for name in given)
            raise InputError(f"{names} cannot be used without a file of `prompts`.")
    for name in ("ca_file", "token_file"):
        if getattr(options, name) is not None and options.server is None:
            raise InputError(f"`{name}` needs `server`.")
    if options.server and options.allow_unknown:
        raise InputError("`allow_unknown` needs `run_dir`: an export never generates <unk>.")
    if options.server and options.banned_tokens:
        raise InputError("`banned_tokens` needs `run_dir`: an export has those fixed in it.")
    drawing = (*SAMPLING, *CONTROLS, "stop", "num_samples")
    given = [n for n in drawing if getattr(options, n) != getattr(GenerationOptions, n)]
    if options.beam_size and given:
        names = ", ".join(f"`{name}`" for name in given)
        raise InputError(f"{names} cannot be used with `beam_size`: a beam search does not sample.")


def write_file(options: GenerationOptions) -> None:
    """Continue every prompt of a file, and write a row for each."""
    from tfseq.tasks.prediction.predict_file import predict_file

    names = ["max_new_tokens", "allow_unknown"]
    names += ["beam_size"] if options.beam_size else [*SAMPLING, *CONTROLS, "num_samples"]
    write = {name: getattr(options, name) for name in names}
    write["banned_tokens"] = list(options.banned_tokens)
    if not options.beam_size:
        write["stop_strings"] = list(options.stop)
    predict_file(
        options.run_dir,
        options.prompts,
        options.output,
        expected="language_model",
        argument="prompts",
        settings={"write": write},
        **options.how(),
    )


def ask_model(options: GenerationOptions, settings: dict) -> list[tuple[str, float]]:
    """Texts and their log probabilities, from the model of a run."""
    import tfseq

    generator = tfseq.load(options.run_dir, expected="language_model").generator
    allowed = {"allow_unknown": options.allow_unknown, "banned_tokens": options.banned_tokens}
    length = options.max_new_tokens
    if options.beam_size:
        rows = generator.beam_search(options.prompt, length, options.beam_size, **allowed)
    else:
        prompts = [options.prompt] * options.num_samples
        controls = {name: getattr(options, name) for name in CONTROLS}
        controls["stop_strings"] = options.stop
        rows = generator.generate(prompts, length, **settings, **controls, **allowed)
    return [(row.text, row.log_probability) for row in rows]


def ask_server(options: GenerationOptions, settings: dict) -> list[tuple[str, float]]:
    """The same from a server; its warnings go to standard error."""
    import sys

    from tfseq.serving import Client, token_of_file

    access = {"protocol": options.protocol, "ca_file": options.ca_file}
    if options.token_file is not None:
        access["token"] = token_of_file(options.token_file)
    with Client(options.server, options.model_name, **access) as client:
        if options.beam_size:
            outputs = client.beam_search(options.prompt, options.max_new_tokens)
            texts, scores = outputs["texts"][0], outputs["log_probabilities"][0]
        else:
            prompts = [options.prompt] * options.num_samples
            settings["max_new_tokens"] = options.max_new_tokens
            controls = {name: getattr(options, name) for name in CONTROLS}
            outputs = client.generate(prompts, **settings, **controls, stop=options.stop)
            texts, scores = outputs["text"], outputs["log_probability"]
    for warning in dict.fromkeys(filter(None, outputs["warning"])):
        print(f"warning: {warning}", file=sys.stderr)
    return list(zip(texts, scores, strict=True))[: options.beam_size or None]


def command() -> None:
    run(GenerationOptions, main)


if __name__ == "__main__":
    command()
