"""Good exports pass; SavedModels that could do harm are refused with the reason."""

import json
import os
import shutil

import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

import tfseq
from tfseq.serving import export_language_model, inspect_export
from tfseq.serving.model_card import MODEL_CARD

from ..conftest import LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_exports_pass(exported, language):
    path = exported(*language).path
    inspection = inspect_export(path)
    assert inspection.problems == ()
    card = json.loads((path / MODEL_CARD).read_text())
    assert inspection.card == card
    assert inspection.operations == card["operations"]
    assert inspection.sha256 == card["sha256"]
    assert inspection.tensorflow_version == tf.__version__
    assert inspection.num_warm_up_records == 2 * len(card["signatures"])
    assert inspection.size == sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    described = {
        name: {side: dict(sorted(signature[side].items())) for side in ("inputs", "outputs")}
        for name, signature in card["signatures"].items()
    }
    assert inspection.signatures == described


@pytest.mark.slow
@pytest.mark.parametrize(
    "tokenizer",
    [
        tfseq.CharTokenizer("nfkc", True),
        tfseq.WordTokenizer("letters"),
        tfseq.CharTokenizer("letters"),
    ],
    ids=repr,
)
@pytest.mark.usefixtures("not_warmed_up")
def test_operations_of_every_tokenizer_are_allowed(tokenizer, tmp_path):
    vocabulary = tfseq.Vocabulary(["a", "b", " "])
    model = tfseq.LanguageModel(len(vocabulary), units=3, embedding_size=3, tie_embeddings=True)
    path = export_language_model(model, tokenizer, vocabulary, tmp_path)
    assert inspect_export(path).problems == ()


def test_a_file_name_that_a_request_gives_is_no_asset(exported, tmp_path):
    path = copy(exported, tmp_path)
    saved_model = read(path)
    meta_graph = saved_model.meta_graphs[0]
    assets = [a.tensor_info for a in meta_graph.asset_file_def]
    meta_graph.signature_def["encode"].inputs["path"].CopyFrom(assets[0])
    write(path, saved_model)
    assert any("it reads a file that is no asset" in p for p in inspect_export(path).problems)


def test_every_call_of_what_reads_a_file_must_give_an_asset(exported, tmp_path):
    path = copy(exported, tmp_path)
    saved_model = read(path)
    graph = saved_model.meta_graphs[0].graph_def
    readers = {
        function.signature.name
        for function in graph.library.function
        if any(node.op == "InitializeTableFromTextFileV2" for node in function.node_def)
    }
    calls = [node for node in graph.node if node.attr["f"].func.name in readers]
    assert calls
    for number, call in enumerate(calls):
        again = graph.node.add()
        again.CopyFrom(call)
        again.name = f"again_{number}"
        again.input[:] = ["Const"] * len(call.input)
    write(path, saved_model)
    assert any("it reads a file that is no asset" in p for p in inspect_export(path).problems)


def test_a_path_fixed_in_the_graph_is_no_asset(exported, tmp_path):
    path = copy(exported, tmp_path)
    saved_model = read(path)
    for node in saved_model.meta_graphs[0].graph_def.node:
        if node.op == "AssignVariableOp":
            node.input[1] = "Const"
    write(path, saved_model)
    assert any("it reads a file that is no asset" in p for p in inspect_export(path).problems)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../../secret", "leads out of the directory"),
        ("/etc/passwd", "leads out of the directory"),
        ("a/../../../b", "leads out of the directory"),
        ("", "leads out of the directory"),
        ("missing.txt", "is missing"),
    ],
)
def test_assets_elsewhere(exported, tmp_path, name, reason):
    path = copy(exported, tmp_path)
    saved_model = read(path)
    for asset in saved_model.meta_graphs[0].asset_file_def:
        asset.filename = name
    write(path, saved_model)
    assert f"The asset {name!r} {reason}." in " ".join(inspect_export(path).problems)


def test_links_and_special_files(exported, tmp_path):
    path = copy(exported, tmp_path)
    (path / "assets" / "vocabulary.txt").rename(tmp_path / "elsewhere")
    (path / "assets" / "vocabulary.txt").symlink_to(tmp_path / "elsewhere")
    (path / "more").symlink_to("/etc")
    os.mkfifo(path / "pipe")
    problems = inspect_export(path).problems
    assert "assets/vocabulary.txt is a link." in problems
    assert "more is a link." in problems
    assert "pipe is neither a file nor a directory." in problems


def test_more_than_one_model(exported, tmp_path):
    path = copy(exported, tmp_path)
    saved_model = read(path)
    saved_model.meta_graphs.add().CopyFrom(saved_model.meta_graphs[0])
    write(path, saved_model)
    (path / "saved_model.pbtxt").write_text("")
    problems = inspect_export(path).problems
    assert "There must be one MetaGraph. Received: 2." in problems
    assert "saved_model.pbtxt would be another model beside saved_model.pb." in problems
    saved_model.ClearField("meta_graphs")
    write(path, saved_model)
    assert "There must be one MetaGraph. Received: 0." in inspect_export(path).problems


def test_changed_added_and_missing_files(exported, tmp_path):
    path = copy(exported, tmp_path)
    data = path / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1] + bytes([data.read_bytes()[-1] ^ 1]))
    (path / "assets" / "new.txt").write_text("new")
    (path / "fingerprint.pb").unlink()
    assert inspect_export(path).problems == (
        "assets/new.txt is not in the model card.",
        "fingerprint.pb is missing; the model card has its digest.",
        "variables/variables.data-00000-of-00001 has another digest than the model card says.",
    )
    (path / MODEL_CARD).write_text("{}")
    assert inspect_export(path).problems == (f"{MODEL_CARD} is damaged: it names no digests.",)
    (path / MODEL_CARD).unlink()
    inspection = inspect_export(path)
    assert (inspection.problems, inspection.card) == ((), None)


def test_damaged_warm_up_requests(exported, tmp_path):
    path = copy(exported, tmp_path)
    (path / MODEL_CARD).unlink()
    records = path / "assets.extra" / "tf_serving_warmup_requests"
    records.write_bytes(records.read_bytes()[:-3])
    (problem,) = inspect_export(path).problems
    assert problem.endswith("is damaged: it is not a file of warm-up requests.")


def test_what_is_no_saved_model(exported, tmp_path):
    with pytest.raises(tfseq.InputError, match="No such file or directory"):
        inspect_export(tmp_path)
    with pytest.raises(tfseq.InputError, match="Its versions are 1: give one of them"):
        inspect_export(exported("gru", 2, "char").path.parent)
    (tmp_path / "saved_model.pb").write_bytes(b"\xff" * 100)
    with pytest.raises(tfseq.InputError, match="is damaged: it is not a SavedModel"):
        inspect_export(tmp_path)


def copy(exported, tmp_path):
    return shutil.copytree(exported("gru", 2, "char").path, tmp_path / "1")


def read(path):
    return SavedModel.FromString((path / "saved_model.pb").read_bytes())


def write(path, saved_model):
    (path / "saved_model.pb").write_bytes(saved_model.SerializeToString())
