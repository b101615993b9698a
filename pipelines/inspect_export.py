"""Inspect a SavedModel before it is served: what it contains, and whether it is safe.

python pipelines/inspect_export.py exported/python_docs_gru/1
"""

import dataclasses
from typing import Annotated

import tyro

from tfseq.errors import InputError
from tfseq.options.command_line import run
from tfseq.options.rules import PathText


@dataclasses.dataclass(frozen=True)
class InspectionOptions:
    """List the signatures, operations, digests and size of a SavedModel without running it."""

    path: Annotated[PathText, tyro.conf.Positional]
    """The version directory, exported/NAME/VERSION."""


def main(options: InspectionOptions) -> None:
    from tfseq.serving import inspect_export

    inspection = inspect_export(options.path)
    print(f"{inspection.path}: {inspection.size / 1e6:.2f} MB, ", end="")
    print(f"written by TensorFlow {inspection.tensorflow_version}")
    for name, signature in inspection.signatures.items():
        print(f"\n{name}")
        for side in ("inputs", "outputs"):
            for key, info in signature[side].items():
                print(f"  {side:<8} {key:<24} {info['dtype']:<8} {shape_text(info['shape'])}")
    print(f"\nwarm-up requests  {inspection.num_warm_up_records}")
    print(f"model card        {'none: no digest is vouched for' if not inspection.card else 'yes'}")
    print(f"operations        {len(inspection.operations)}")
    print("  " + " ".join(inspection.operations))
    print("SHA-256")
    for name, digest in inspection.sha256.items():
        print(f"  {digest}  {name}")
    if inspection.problems:
        raise InputError("\n".join([f"{options.path} is refused:", *inspection.problems]))
    print("\nNo problem found.")


def shape_text(shape: list | None) -> str:
    """A shape as people write it, ? standing for any size."""
    if shape is None:
        return "of any rank"
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"


def command() -> None:
    run(InspectionOptions, main)


if __name__ == "__main__":
    command()
