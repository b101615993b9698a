"""Write a trained language model as a SavedModel for TensorFlow Serving.

python pipelines/export_language_model.py --run-dir runs/python_docs_gru
"""

import dataclasses

from tfseq.options.command_line import run
from tfseq.options.configuration import parse_options
from tfseq.options.rules import CountOrZero, DirectoryName, NonNegativeFloat, PathText, PositiveInt
from tfseq.serving import ServingSettings


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """Export a language model: strings in, strings out, with nothing else needed to serve it."""

    run_dir: PathText
    """The training run."""
    export_dir: PathText = "exported"
    """The SavedModel goes to EXPORT_DIR/NAME/VERSION."""
    name: DirectoryName | None = None
    """NAME; left out, the run directory's."""
    version: PositiveInt | None = None
    """VERSION; left out, the next that is free. One that is there is never touched."""
    keep_versions: PositiveInt | None = None
    """Remove the lowest versions until as many are left; left out, none is removed."""
    max_new_tokens: PositiveInt = ServingSettings.max_new_tokens
    """The most tokens a request may ask for."""
    max_prompt_bytes: PositiveInt = ServingSettings.max_prompt_bytes
    """Of a longer prompt the end is read."""
    max_score_bytes: PositiveInt = ServingSettings.max_score_bytes
    """Of a longer text the beginning is scored."""
    beam_size: PositiveInt = ServingSettings.beam_size
    """Continuations that beam_search keeps and returns."""
    num_next_tokens: PositiveInt = ServingSettings.num_next_tokens
    """Tokens that next_token returns."""
    default_max_new_tokens: CountOrZero = 100
    """Tokens that serving_default adds."""
    default_temperature: NonNegativeFloat = ServingSettings.default_temperature
    """Temperature of serving_default."""


def main(options: ExportOptions) -> None:
    from pathlib import Path

    from tfseq.tasks.language_model.trained_run import load_run

    from tfseq.files.result_directory import check_writable
    from tfseq.serving import export_language_model

    check_writable(options.export_dir, "export_dir")
    settings = ServingSettings(
        max_new_tokens=options.max_new_tokens,
        max_prompt_bytes=options.max_prompt_bytes,
        max_score_bytes=options.max_score_bytes,
        beam_size=options.beam_size,
        num_next_tokens=options.num_next_tokens,
        default_max_new_tokens=min(options.default_max_new_tokens, options.max_new_tokens),
        default_temperature=options.default_temperature,
    )
    trained = load_run(options.run_dir)
    path = export_language_model(
        trained.model,
        trained.tokenizer,
        trained.vocabulary,
        Path(options.export_dir, options.name or trained.directory.name),
        version=options.version,
        settings=settings,
        metadata=trained.metadata(),
        keep_versions=options.keep_versions,
    )
    print(f"exported    {path}")


if __name__ == "__main__":
    run(lambda: parse_options(ExportOptions), main)
