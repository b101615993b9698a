"""Warm-up requests: what a server would read, and that a model that fails them is not published."""

import os

import numpy as np
import pytest
import tensorflow as tf

import tfseq
from tfseq.serving import ServingSettings, export_language_model
from tfseq.serving import export as export_module
from tfseq.serving.loader.loader_process import LoaderError
from tfseq.serving.warm_up import (
    WARM_UP_FILE,
    read_records,
    replay,
    write_records,
)

from .conftest import LANGUAGES
from .test_export import Doubling


@pytest.fixture(scope="module")
def path(make_language, tmp_path_factory):
    return export_language_model(
        *make_language("lstm", 2, "word"),
        tmp_path_factory.mktemp("warm") / "name",
        settings=ServingSettings(max_batch_size=5),
    )


@pytest.mark.slow
def test_every_signature_at_both_batch_sizes(path, loader):
    signatures = loader.load(path)
    requests = list(read_records(path / WARM_UP_FILE))
    sizes = [(name, {len(value) for value in inputs.values()}) for name, inputs in requests]
    assert sorted(sizes, key=str) == sorted(
        [(name, {size}) for name in signatures for size in (1, 5)], key=str
    )
    for name, inputs in requests:
        known = signatures[name]["inputs"]
        assert set(inputs) == set(known)
        assert all(np.isfinite(v).all() for v in inputs.values() if v.dtype != object)
        outputs = loader.run(path, name, **inputs)
        assert not any(w for w in outputs.get("warning", []))
    assert len(requests) == 2 * len(signatures)


@pytest.mark.slow
@pytest.mark.parametrize("language", [pytest.param(p.values[0], id=p.id) for p in LANGUAGES])
def test_every_language_passes_its_warm_up(exported, loader, language):
    path = exported(*language).path
    assert replay(path, loader) == len(read_records(path / WARM_UP_FILE)) == 18


def test_the_servers_own_messages_read_them(exported):
    messages = pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2",
        reason="tensorflow-serving-api is not installed (extra `serving`)",
    )
    path = exported("gru", 2, "char").path
    data = tf.data.TFRecordDataset(str(path / WARM_UP_FILE)).as_numpy_iterator()
    for record, (name, inputs) in zip(data, read_records(path / WARM_UP_FILE), strict=True):
        log = messages.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert request.model_spec.name == path.parent.name == "gru-2-char"
        assert request.model_spec.signature_name == name
        assert set(request.inputs) == set(inputs)
        for key, value in request.inputs.items():
            np.testing.assert_array_equal(tf.make_ndarray(value), inputs[key])
        # Nothing that these messages do not know.
        assert log.SerializeToString(deterministic=True) == (
            messages.PredictionLog.FromString(log.SerializeToString()).SerializeToString(
                deterministic=True
            )
        )


@pytest.mark.usefixtures("one_loader")
def test_a_model_that_fails_its_warm_up_is_not_published(tmp_path, monkeypatch):
    def wrong(signatures, examples, batch_sizes):
        return [("serving_default", {"x": np.zeros([2], "int32")})]

    def export():
        return export_module.export_module(
            lambda staging: Doubling(), tmp_path / "name", card={}, examples={}
        )

    with monkeypatch.context() as patch:
        patch.setattr(export_module, "warm_up_requests", wrong)
        with pytest.raises(LoaderError):
            export()
    assert os.listdir(tmp_path) == []
    assert export() == tmp_path / "name" / "1"


def test_more_requests_than_a_server_takes(tmp_path):
    write_records(tmp_path / "records", "name", [("step", {})] * 1000)
    assert len(read_records(tmp_path / "records")) == 1000
    write_records(tmp_path / "records", "name", [("step", {})] * 1001)
    with pytest.raises(tfseq.InputError, match="1001 requests; a server takes at most 1000"):
        read_records(tmp_path / "records")


def test_damaged_files(tmp_path):
    (tmp_path / "records").write_bytes(b"\xff" * 100)
    with pytest.raises(tfseq.InputError, match="is damaged"):
        read_records(tmp_path / "records")
    with tf.io.TFRecordWriter(str(tmp_path / "other")) as writer:
        writer.write(b"\xff\xff no message")
    with pytest.raises(tfseq.InputError, match="is damaged"):
        read_records(tmp_path / "other")
