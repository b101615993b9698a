"""Export the model of a run of any task for TensorFlow Serving, or for phones and browsers.

python pipelines/export_model.py --run-dir runs/python_docs_gru
python pipelines/export_model.py --run-dir runs/python_docs_gru --format litert
"""

import dataclasses
import functools
from typing import Any, Literal

import tfseq
from tfseq.errors import InputError
from tfseq.options.command_line import run
from tfseq.options.rules import (
    BannedTokens,
    CountOrZero,
    DirectoryName,
    NonNegativeFloat,
    PathText,
    PositiveInt,
)


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """Export a trained model as a SavedModel that holds everything needed to serve it."""

    run_dir: PathText
    """The run directory of any task."""
    export_dir: PathText = "exported"
    """The SavedModel goes to EXPORT_DIR/NAME/VERSION."""
    name: DirectoryName | None = None
    """NAME; if omitted, the name of the run directory."""
    format: Literal["saved_model", "litert", "onnx"] = "saved_model"
    """What to write; `litert` and `onnx` write a language model's step for phones and browsers, to
    EXPORT_DIR/NAME_litert or NAME_onnx."""
    measured_tokens: CountOrZero | None = None
    """`litert`, `onnx`: measure on this many tokens of the validation text; if omitted, 20000."""
    version: PositiveInt | None = None
    """VERSION; if omitted, the next free number. An existing version is never changed."""
    keep_versions: PositiveInt | None = None
    """Remove the lowest versions until this many are left; if omitted, remove none."""
    max_new_tokens: PositiveInt | None = None
    """Language model: the most tokens a request may ask for; if omitted, 1024."""
    max_prompt_bytes: PositiveInt | None = None
    """Language model: how many bytes at the end of a prompt are read; if omitted, 16384."""
    max_score_bytes: PositiveInt | None = None
    """Language model: how many bytes at the start of a text are scored; if omitted, 16384."""
    beam_size: PositiveInt | None = None
    """Language model: how many continuations beam_search keeps and returns; if omitted, 4."""
    num_next_tokens: PositiveInt | None = None
    """Language model: how many tokens next_token returns; if omitted, 10."""
    default_max_new_tokens: CountOrZero | None = None
    """Language model: how many tokens serving_default adds; if omitted, 100."""
    default_temperature: NonNegativeFloat | None = None
    """Language model: temperature of serving_default, low for careful texts; if omitted, 0.8."""
    banned_tokens: BannedTokens | None = None
    """Language model: tokens of its vocabulary that the export never writes."""
    max_length: PositiveInt | None = None
    """Classifier or tagger: how many tokens are read; if omitted, as many as in training."""
    max_text_bytes: PositiveInt | None = None
    """Classifier or tagger: how many bytes of a text are read; if omitted, 65536."""
    num_labels: PositiveInt | None = None
    """Classifier: how many labels are returned, the most probable first; if omitted, 10."""
    max_horizon: PositiveInt | None = None
    """Forecaster: the most steps a request may ask for; if omitted, the horizon of training."""

    def settings(self) -> dict[str, Any]:
        """The settings of the export that were given; raises InputError for another format's."""
        places = ("run_dir", "export_dir", "name", "format", "version", "keep_versions")
        given = {n: v for n, v in vars(self).items() if n not in places and v is not None}
        for name in given:
            if (name == "measured_tokens") == (self.format == "saved_model"):
                raise InputError(f"`{name}` cannot be used with `format` {self.format}.")
        return given


def main(options: ExportOptions) -> None:
    from pathlib import Path

    from tfseq.files.result_directory import check_writable

    check_writable(options.export_dir, "export_dir")
    settings, on_device = options.settings(), options.format != "saved_model"
    task = tfseq.load(options.run_dir)
    name = options.name or task.directory.name + f"_{options.format}" * on_device
    export = task.export
    if on_device:
        export = functools.partial(task.export_on_device, format=options.format)
    path = export(
        Path(options.export_dir, name),
        version=options.version,
        keep_versions=options.keep_versions,
        **settings,
    )
    print(f"exported    {path}")
    if on_device:
        from tfseq.serving.on_device.export import describe_files

        print(*describe_files(path), sep="\n")


def command() -> None:
    run(ExportOptions, main)


if __name__ == "__main__":
    command()
