"""Export the model of a run, of any task, for TensorFlow Serving.

python pipelines/export_model.py --run-dir runs/python_docs_gru
"""

import dataclasses

import tfseq
from tfseq.options.command_line import run
from tfseq.options.rules import (
    CountOrZero,
    DirectoryName,
    NonNegativeFloat,
    PathText,
    PositiveInt,
)


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """Export a model: strings in and strings out, or numbers, with nothing else needed to serve it.
    What is left out of the settings takes its usual value."""

    run_dir: PathText
    """The training run, of any task."""
    export_dir: PathText = "exported"
    """The SavedModel goes to EXPORT_DIR/NAME/VERSION."""
    name: DirectoryName | None = None
    """NAME; left out, the run directory's."""
    version: PositiveInt | None = None
    """VERSION; left out, the next that is free. One that is there is never touched."""
    keep_versions: PositiveInt | None = None
    """Remove the lowest versions until as many are left; left out, none is removed."""
    max_new_tokens: PositiveInt | None = None
    """Of a language model: the most tokens a request may ask for."""
    max_prompt_bytes: PositiveInt | None = None
    """Of a language model: of a longer prompt the end is read."""
    max_score_bytes: PositiveInt | None = None
    """Of a language model: of a longer text the beginning is scored."""
    beam_size: PositiveInt | None = None
    """Of a language model: continuations that beam_search keeps and returns."""
    num_next_tokens: PositiveInt | None = None
    """Of a language model: tokens that next_token returns."""
    default_max_new_tokens: CountOrZero | None = None
    """Of a language model: tokens that serving_default adds; left out, 100."""
    default_temperature: NonNegativeFloat | None = None
    """Of a language model: temperature of serving_default; low is careful, high is daring."""
    max_length: PositiveInt | None = None
    """Of a classifier or a tagger: tokens that are read; left out, as many as in training."""
    max_text_bytes: PositiveInt | None = None
    """Of a classifier or a tagger: bytes of a text that are read."""
    num_labels: PositiveInt | None = None
    """Of a classifier: labels that are returned, the best ones."""
    max_horizon: PositiveInt | None = None
    """Of a forecaster: the most steps a request may ask for; left out, the horizon of training."""

    def settings(self) -> dict[str, float]:
        """The settings of the export that were given."""
        places = ("run_dir", "export_dir", "name", "version", "keep_versions")
        return {n: v for n, v in vars(self).items() if n not in places and v is not None}


def main(options: ExportOptions) -> None:
    from pathlib import Path

    from tfseq.files.result_directory import check_writable

    check_writable(options.export_dir, "export_dir")
    task = tfseq.load(options.run_dir)
    path = task.export(
        Path(options.export_dir, options.name or task.directory.name),
        version=options.version,
        keep_versions=options.keep_versions,
        **options.settings(),
    )
    print(f"exported    {path}")


def command() -> None:
    run(ExportOptions, main)


if __name__ == "__main__":
    command()
