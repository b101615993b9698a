"""A SavedModel looked through before it is loaded: what it does, and whether it may be trusted."""

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from tfseq.errors import InputError
from tfseq.serving.inspection.graph_safety import graph_problems
from tfseq.serving.model_card import MODEL_CARD, file_digests
from tfseq.serving.operations import graph_operations
from tfseq.serving.saved_model_file import described_signatures, read_saved_model
from tfseq.serving.warm_up import WARM_UP_FILE, read_records


@dataclass(frozen=True)
class Inspection:
    """What a version directory holds.

    Attributes:
        path: the version directory.
        problems: reasons not to load it, a sentence each; empty if there is none.
        signatures: as in the model card, see `described_signatures`.
        operations: the names of all operations, function bodies included.
        sha256: digest of every file but the model card, by its path in the directory.
        size: bytes of all files.
        num_warm_up_records: requests that a server replays as it loads the model.
        tensorflow_version: the version that wrote it.
        card: the model card; None if there is none to read.
    """

    path: Path
    problems: tuple[str, ...]
    signatures: dict[str, dict]
    operations: list[str]
    sha256: dict[str, str]
    size: int
    num_warm_up_records: int
    tensorflow_version: str
    card: dict | None


def inspect_export(path: str | os.PathLike) -> Inspection:
    """Look through a SavedModel without loading it: nothing in it is run.

    Problems are: operations outside the allowlist, wherever they hide (see `graph_safety`); graphs
    that demand XLA; assets outside the directory; links and special files; more than one MetaGraph;
    a second model file in another format; files whose digests are not those of the model card, or
    that it does not name; damaged files. A directory without a model card is not a problem in
    itself, but its files are then vouched for by no one.

    Args:
        path: a version directory, `exported/<name>/<version>`.

    Raises:
        InputError: if there is no `saved_model.pb` that could be read.

    Example:
        >>> import tempfile
        >>> from tfseq.models import Forecaster
        >>> from tfseq.serving import export_forecaster
        >>> model = Forecaster(num_columns=1, lookback=3, units=4)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     inspection = inspect_export(export_forecaster(model, directory))
        >>> inspection.problems, sorted(inspection.signatures)
        ((), ['forecast', 'serving_default'])
    """
    path = Path(path)
    problems = _irregular_files(path)
    meta_graphs = _read(path).meta_graphs
    if len(meta_graphs) != 1:
        problems.append(f"There must be one MetaGraph. Received: {len(meta_graphs)}.")
    problems += [
        f"{name} would be another model beside saved_model.pb."
        for name in ("saved_model.pbtxt", "saved_model.cpb")
        if os.path.lexists(path / name)
    ]
    signatures, operations = {}, set()
    for meta_graph in meta_graphs:
        problems += graph_problems(meta_graph) + _asset_problems(path, meta_graph)
        operations |= graph_operations(meta_graph.graph_def)
        signatures |= described_signatures(meta_graph)
    digests = file_digests(path)
    card, records = None, []
    if (path / MODEL_CARD).is_file():
        card, more = _check_card(path, digests)
        problems += more
    try:
        if (path / WARM_UP_FILE).is_file():
            records = read_records(path / WARM_UP_FILE)
    except InputError as error:
        problems.append(str(error))
    return Inspection(
        path=path,
        problems=tuple(problems),
        signatures=signatures,
        operations=sorted(operations),
        sha256=digests,
        size=sum(p.stat().st_size for p in path.rglob("*") if p.is_file()),
        num_warm_up_records=len(records),
        tensorflow_version=", ".join(
            sorted({graph.meta_info_def.tensorflow_version for graph in meta_graphs})
        ),
        card=card,
    )


def _read(path: Path) -> SavedModel:
    file = path / "saved_model.pb"
    if file.exists() and not file.is_file():
        raise InputError(f"{file} is not a regular file.")
    try:
        return read_saved_model(path)
    except DecodeError as error:
        raise InputError(f"{file} is damaged: it is not a SavedModel.") from error
    except OSError as error:
        versions = sorted(p.parent.name for p in path.glob("*/saved_model.pb"))
        hint = f" Its versions are {', '.join(versions)}: give one of them." if versions else ""
        raise InputError(f"{file} cannot be read: {error.strerror}.{hint}") from error


def _irregular_files(path: Path) -> list[str]:
    """Links may lead out of the directory, and what is neither file nor directory has no digest."""
    problems = []
    for parent, directories, files in os.walk(path):
        for name in sorted(directories + files):
            mode = os.lstat(Path(parent, name)).st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                kind = "a link" if stat.S_ISLNK(mode) else "neither a file nor a directory"
                problems.append(f"{Path(parent, name).relative_to(path)} is {kind}.")
    return problems


def _asset_problems(path: Path, meta_graph: MetaGraphDef) -> list[str]:
    """Every loader follows an asset's name wherever it leads."""
    problems = []
    for name in dict.fromkeys(asset.filename for asset in meta_graph.asset_file_def):
        if os.path.isabs(name) or ".." in Path(name).parts or not name:
            problems.append(f"The asset {name!r} leads out of the directory.")
        elif not (path / "assets" / name).is_file():
            problems.append(f"The asset {name!r} is missing.")
    num_assets = len(meta_graph.asset_file_def)
    problems += [
        f"The object graph names asset {node.asset.asset_file_def_index} of {num_assets}."
        for node in meta_graph.object_graph_def.nodes
        if node.HasField("asset") and not 0 <= node.asset.asset_file_def_index < num_assets
    ]
    return problems


def _check_card(path: Path, digests: dict[str, str]) -> tuple[dict | None, list[str]]:
    try:
        card = json.loads((path / MODEL_CARD).read_text(encoding="utf-8"))
        recorded = dict(card["sha256"])
    except (ValueError, TypeError, KeyError):
        return None, [f"{MODEL_CARD} is damaged: it names no digests."]
    problems = []
    for name in sorted({*recorded, *digests}):
        if name not in digests:
            problems.append(f"{name} is missing; the model card has its digest.")
        elif name not in recorded:
            problems.append(f"{name} is not in the model card.")
        elif digests[name] != recorded[name]:
            problems.append(f"{name} has another digest than the model card says.")
    return card, problems
