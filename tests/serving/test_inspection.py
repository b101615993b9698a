"""Good exports pass; SavedModels that could do harm are refused with the reason."""

import json
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.python.framework import op_def_registry

import tfseq
from tfseq.serving import export_language_model, inspect_export
from tfseq.serving.inspection.allowed_operations import ALLOWED_OPERATIONS
from tfseq.serving.model_card import MODEL_CARD

from .test_signatures import LANGUAGES


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


@pytest.mark.parametrize(
    "tokenizer",
    [
        tfseq.CharTokenizer("nfkc", True),
        tfseq.WordTokenizer("letters"),
        tfseq.CharTokenizer("letters"),
    ],
    ids=repr,
)
@pytest.mark.usefixtures("one_loader")
def test_operations_of_every_tokenizer_are_allowed(tokenizer, tmp_path):
    vocabulary = tfseq.Vocabulary(["a", "b", " "])
    model = tfseq.LanguageModel(len(vocabulary), units=3, embedding_size=3, tie_embeddings=True)
    path = export_language_model(model, tokenizer, vocabulary, tmp_path)
    assert inspect_export(path).problems == ()


def test_the_allowlist_names_operations_and_none_that_leaves_the_process():
    for name in ALLOWED_OPERATIONS:
        assert op_def_registry.get(name) is not None, name
    known_effects = {
        *"ReadFile WriteFile MatchingFiles SaveV2 RestoreV2 MergeV2Checkpoints PyFunc".split(),
        *"EagerPyFunc PyFuncStateless XlaLaunch XlaCallModule Print PrintV2 Assert".split(),
        *"DebugIdentity DebugIdentityV2 TextLineDataset TFRecordDataset WholeFileReaderV2".split(),
        *"InitializeTableFromTextFileV2 LoadLibrary SendTPUEmbeddingGradients".split(),
    }
    assert not known_effects & ALLOWED_OPERATIONS


def save(function, path, **tracked):
    module = tf.Module()
    vars(module).update(tracked)
    for name, value in tracked.items():
        setattr(module, name, value)
    module.function = tf.function(function, input_signature=[tf.TensorSpec([None], name="x")])
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.function})
    return path


def read_file(x):
    text = tf.io.read_file("/etc/hostname")
    return x + tf.cast(tf.strings.length(text), tf.float32)


def write_file(x):
    tf.io.write_file("/tmp/written", "by a model")
    return x


def match_files(x):
    return x + tf.cast(tf.size(tf.io.matching_files("/etc/*")), tf.float32)


def python(x):
    return tf.ensure_shape(tf.numpy_function(lambda v: v, [x], tf.float32), [None])


def restore(x):
    return (
        x
        + tf.raw_ops.RestoreV2(
            prefix="/secret", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
        )[0]
    )


def write_checkpoint(x):
    tf.raw_ops.SaveV2(prefix="/out", tensor_names=["a"], shape_and_slices=[""], tensors=[x])
    return x


def table_of_any_file(x):
    table = tf.raw_ops.HashTableV2(key_dtype=tf.int64, value_dtype=tf.string)
    tf.raw_ops.InitializeTableFromTextFileV2(
        table_handle=table, filename="/etc/passwd", key_index=-1, value_index=-2
    )
    found = tf.raw_ops.LookupTableFindV2(
        table_handle=table, keys=tf.cast(x, tf.int64), default_value=""
    )
    return tf.cast(tf.strings.length(found), tf.float32)


def other_file_readers(x):
    dataset = tf.data.TextLineDataset("/etc/passwd")
    return x + tf.cast(dataset.reduce(np.int64(0), lambda n, _: n + 1), tf.float32)


def debugger(x):
    return tf.raw_ops.DebugIdentityV2(input=x, debug_urls=["grpc://elsewhere:1"])


def printing(x):
    tf.print(x)
    return x


NOT_ALLOWED = "it is not among the allowed operations"
HARMFUL = {
    "ReadFile": (read_file, NOT_ALLOWED),
    "WriteFile": (write_file, NOT_ALLOWED),
    "MatchingFiles": (match_files, NOT_ALLOWED),
    "PyFunc": (python, NOT_ALLOWED),
    "RestoreV2": (restore, "it reads a file outside the saver"),
    "SaveV2": (write_checkpoint, "it writes a file outside the saver"),
    "InitializeTableFromTextFileV2": (table_of_any_file, "it reads a file that is no asset"),
    "TextLineDataset": (other_file_readers, NOT_ALLOWED),
    "DebugIdentityV2": (debugger, NOT_ALLOWED),
    "PrintV2": (printing, NOT_ALLOWED),
}


@pytest.mark.parametrize("operation", HARMFUL)
@pytest.mark.parametrize("hidden", [False, True], ids=["plain", "in a branch of a loop"])
def test_a_harmful_operation_is_found_wherever_it_is(operation, hidden, tmp_path):
    function, reason = HARMFUL[operation]

    def branch(x):
        return tf.cond(tf.reduce_any(x > 1e9), lambda: function(x), lambda: x)

    def loop(x):
        return tf.while_loop(
            lambda x: tf.reduce_any(x < 0),
            lambda x: [tf.ensure_shape(branch(x), [None])],
            [x],
            shape_invariants=[tf.TensorShape([None])],
        )[0]

    save(lambda x: {"y": loop(x) if hidden else function(x)}, tmp_path)
    problems = [p for p in inspect_export(tmp_path).problems if operation in p]
    assert problems
    assert all(problem.endswith(f": {reason}.") for problem in problems)


def test_a_graph_that_demands_xla(tmp_path):
    compiled = tf.function(lambda x: x * 2, jit_compile=True)
    save(lambda x: {"y": compiled(x)}, tmp_path)
    assert any("must be compiled by XLA" in p for p in inspect_export(tmp_path).problems)


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
    assert problem.endswith("is damaged: it is no file of warm-up requests.")


def test_what_is_no_saved_model(exported, tmp_path):
    with pytest.raises(tfseq.InputError, match="No such file or directory"):
        inspect_export(tmp_path)
    with pytest.raises(tfseq.InputError, match="Its versions are 1: give one of them"):
        inspect_export(exported("gru", 2, "char").path.parent)
    (tmp_path / "saved_model.pb").write_bytes(b"\xff" * 100)
    with pytest.raises(tfseq.InputError, match="is damaged: it is no SavedModel"):
        inspect_export(tmp_path)


def copy(exported, tmp_path):
    return shutil.copytree(exported("gru", 2, "char").path, tmp_path / "1")


def read(path):
    return SavedModel.FromString((path / "saved_model.pb").read_bytes())


def write(path, saved_model):
    (path / "saved_model.pb").write_bytes(saved_model.SerializeToString())
