"""What an export writes, when it refuses, and that it appears whole or not at all."""

import contextlib
import hashlib
import json
import os
import re

import numpy as np
import pytest
import tensorflow as tf

import tfseq
from tfseq.serving import ServingSettings, export_language_model, versions
from tfseq.serving import export as export_module
from tfseq.serving.loader.loader_process import LoaderError
from tfseq.serving.model_card import MODEL_CARD
from tfseq.serving.operations import read_operations


@pytest.fixture(scope="module")
def language(make_language):
    return make_language("gru", 1, "char", dropout=0.5)


@pytest.mark.usefixtures("not_warmed_up")
def test_the_model_card_tells_all(language, tmp_path):
    model, tokenizer, vocabulary = language
    path = export_language_model(*language, tmp_path / "name", metadata={"perplexity": 3.5})
    assert path == tmp_path / "name" / "1"
    assert os.listdir(path.parent) == ["1"]
    card = json.loads((path / MODEL_CARD).read_text(encoding="utf-8"))
    assert card["metadata"] == {"perplexity": 3.5}
    assert card["settings"]["max_new_tokens"] == 1024
    assert card["settings"]["default_max_new_tokens"] == 100
    assert tfseq.LanguageModel.from_config(card["model"]).count_params() == model.count_params()
    assert card["tokenizer"] == tokenizer.get_config()
    assert card["vocabulary"] == {"size": len(vocabulary), "sha256": vocabulary.fingerprint}
    assert card["signatures"]["score"]["outputs"]["token_log_probabilities"] == {
        "dtype": "float32",
        "shape": [None, None],
    }
    assert card["versions"]["tensorflow"] == tf.__version__
    # `python tests/serving/older_tensorflow.py 2.19` has been run.
    assert card["versions"]["oldest_tensorflow_tried"] == "2.19"
    files = {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()}
    assert set(card["sha256"]) == files - {MODEL_CARD.as_posix()}
    for name, digest in card["sha256"].items():
        assert hashlib.sha256((path / name).read_bytes()).hexdigest() == digest
    assert card["sha256"]["assets/vocabulary.txt"] == vocabulary.fingerprint
    operations = card["operations"]
    assert operations == sorted(operations)
    # In function bodies only: the walk goes inside.
    assert {"MatMul", "StatelessRandomUniformV2", "InitializeTableFromTextFileV2"} <= set(
        operations
    )
    # Nothing may fail for what a row holds, train, or leave the process.
    assert not {"Assert", "Bitcast", "RandomUniform", "PyFunc", "EagerPyFunc"} & set(operations)
    assert not [name for name in operations if re.search("Xla|Cudnn|Grad$|Print|ReadFile", name)]
    # No signature's function, and none that it calls, demands the compiler that is switched off.
    assert b"_XlaMustCompile" not in (path / "saved_model.pb").read_bytes()
    # Readable for the server, which may run as another user.
    assert os.stat(path).st_mode & 0o055 == 0o055


@pytest.mark.slow
def test_a_failed_export_leaves_nothing(language, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(export_module, "write_model_card", fail)
    with pytest.raises(OSError, match="no space"):
        export_language_model(*language, tmp_path)
    assert os.listdir(tmp_path) == []


class Doubling(tf.Module):
    """The least that can be exported."""

    @tf.function(input_signature=[tf.TensorSpec([None], name="x")])
    def double(self, x):
        return {"y": 2 * x}

    def signatures(self):
        return {"serving_default": self.double}


def test_old_versions_are_removed_once_the_new_one_is_there(tmp_path, loader, monkeypatch):
    monkeypatch.setattr(export_module, "LoaderProcess", lambda: contextlib.nullcontext(loader))
    for version in ("1", "2", "5"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "saved_model.pb").write_text(version)
    seen = []

    def export(**options):
        return export_module.export_module(
            lambda staging: Doubling(), tmp_path, card={}, examples={}, **options
        )

    def remove(path, keep_versions):
        seen.append(sorted(os.listdir(tmp_path)))
        return versions.remove_old_versions(path, keep_versions)

    monkeypatch.setattr(export_module, "remove_old_versions", remove)
    assert export(keep_versions=2) == tmp_path / "6"
    assert seen == [["1", "2", "5", "6"]]
    assert sorted(os.listdir(tmp_path)) == ["5", "6"]
    assert export() == tmp_path / "7"
    assert sorted(os.listdir(tmp_path)) == ["5", "6", "7"]
    # Where the export fails, all stay.
    monkeypatch.setattr(export_module, "replay", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(keep_versions=1)
    assert sorted(os.listdir(tmp_path)) == ["5", "6", "7"]


def test_refused_before_anything_is_written(language, tmp_path):
    model, tokenizer, _ = language
    directory = tmp_path / "name"
    with pytest.raises(ValueError, match="`vocabulary` must have as many tokens"):
        export_language_model(model, tokenizer, tfseq.Vocabulary(["a"]), directory)
    for version in (0, -1, True, "1"):
        with pytest.raises(ValueError, match="`version` must be a positive integer"):
            export_language_model(*language, directory, version=version)
    for keep_versions in (0, -1, True, 1.5):
        with pytest.raises(ValueError, match="`keep_versions` must be a positive integer"):
            export_language_model(*language, directory, keep_versions=keep_versions)
    (tmp_path / "other" / "3").mkdir(parents=True)
    with pytest.raises(tfseq.InputError, match="does not hold; an export is never overwritten"):
        export_language_model(*language, tmp_path / "other", version=3)
    assert os.listdir(tmp_path / "other") == ["3"]
    with pytest.raises(ValueError, match="not JSON compliant"):
        export_language_model(*language, directory, metadata={"loss": float("nan")})
    assert not directory.exists()
    directory.write_text("a file")
    with pytest.raises(tfseq.InputError, match=r"^Cannot write to .*: .* is not a directory\.$"):
        export_language_model(*language, directory)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_new_tokens": 0}, "`max_new_tokens` must be an integer from 1 to 1048576."),
        ({"max_prompt_bytes": 3}, "`max_prompt_bytes` must be an integer from 4"),
        ({"max_score_bytes": 1e4}, "`max_score_bytes` must be an integer"),
        ({"default_max_new_tokens": 1025}, "`default_max_new_tokens` must be an integer from 0 to"),
        ({"default_temperature": float("nan")}, "`default_temperature` must be a number from 0"),
        ({"default_temperature": 101}, "`default_temperature` must be a number from 0 to 100."),
        ({"default_top_k": -1}, "`default_top_k` must be an integer from 0"),
        ({"default_top_p": 1.1}, "`default_top_p` must be a number from 0 to 1. Received: 1.1."),
        ({"default_seed": 2**63}, "`default_seed` must be an integer"),
    ],
)
def test_settings_out_of_range(wrong, message):
    with pytest.raises(tfseq.InputError, match=f"^{message}"):
        ServingSettings(**wrong)


def save_function(function, path):
    module = tf.Module()
    module.function = tf.function(function, input_signature=[tf.TensorSpec([None], name="x")])
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.function})


def test_a_graph_that_only_xla_could_run_is_refused(tmp_path, loader):
    compiled = tf.function(lambda x: x * 2, jit_compile=True)
    save_function(lambda x: {"y": compiled(x)}, tmp_path)
    with pytest.raises(ValueError, match="must be compiled by XLA, which is switched off"):
        read_operations(tmp_path)
    # And rightly so: it loads, then fails at the first request.
    loader.load(tmp_path)
    with pytest.raises(LoaderError, match=r"(?i)xla"):
        loader.run(tmp_path, "serving_default", x=np.float32([1]))


def test_python_hidden_in_a_branch_is_refused(tmp_path):
    def function(x):
        hidden = lambda: tf.ensure_shape(tf.numpy_function(lambda v: v, [x], tf.float32), [None])  # noqa: E731
        return {"y": tf.cond(tf.reduce_any(x > 0), hidden, lambda: x)}

    save_function(function, tmp_path)
    with pytest.raises(ValueError, match=r"EagerPyFunc|PyFunc.*the server has no Python"):
        read_operations(tmp_path)
