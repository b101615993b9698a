"""The server's configuration files, parsed as the server does, and the calls in the README."""

import json
import os
import re
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from tfseq.serving import ServingSettings

from .fake_server import Backend, rest_predict

EXPORTED = Path(__file__).parents[2] / "exported"
REFERENCE = EXPORTED / "python_docs_gru" / "1"


def messages(package, name):
    """Messages of the server that tensorflow-serving-api leaves out, with their field numbers."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package)
    file.syntax = "proto3"
    file.dependency.append("google/protobuf/wrappers.proto")
    integer = {"type": field.TYPE_MESSAGE, "type_name": ".google.protobuf.Int64Value", "label": 1}
    batching = file.message_type.add(name="BatchingParameters")
    for number, key in enumerate(
        ["max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"], 1
    ):
        batching.field.add(name=key, number=number, **integer)
    batching.field.add(name="allowed_batch_sizes", number=6, type=field.TYPE_INT64, label=3)
    batching.field.add(name="pad_variable_length_inputs", number=7, type=field.TYPE_BOOL, label=1)
    prometheus = file.message_type.add(name="PrometheusConfig")
    prometheus.field.add(name="enable", number=1, type=field.TYPE_BOOL, label=1)
    prometheus.field.add(name="path", number=2, type=field.TYPE_STRING, label=1)
    monitoring = file.message_type.add(name="MonitoringConfig")
    monitoring.field.add(
        name="prometheus_config",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=f".{package}.PrometheusConfig",
        label=1,
    )
    from google.protobuf import wrappers_pb2

    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))


def parse(name, message_type):
    return text_format.Parse((EXPORTED / name).read_text(), message_type())


def test_models():
    config_messages = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2",
        reason="tensorflow-serving-api is not installed (extra `serving`)",
    )
    config = parse("models.config", config_messages.ModelServerConfig)
    (model,) = config.model_config_list.config
    assert model.name == "python_docs_gru"
    assert model.base_path == "/models/python_docs_gru"
    assert model.model_platform == "tensorflow"
    assert model.model_version_policy.latest.num_versions == 2
    assert dict(model.version_labels) == {"stable": 1}


def test_batching():
    batching = parse("batching_parameters.txt", messages("a", "BatchingParameters"))
    sizes = list(batching.allowed_batch_sizes)
    assert sizes == sorted(set(sizes))
    # The server refuses to start otherwise; and larger batches would be cold.
    assert sizes[-1] == batching.max_batch_size.value == ServingSettings().max_batch_size
    assert batching.num_batch_threads.value >= 1
    assert 0 <= batching.batch_timeout_micros.value <= 10_000
    assert batching.pad_variable_length_inputs


def test_monitoring():
    monitoring = parse("monitoring.config", messages("b", "MonitoringConfig"))
    assert monitoring.prometheus_config.enable
    assert monitoring.prometheus_config.path == "/monitoring/prometheus/metrics"


def test_compose_names_files_that_are_there():
    text = (EXPORTED / "compose.yaml").read_text()
    assert ".:/models:ro" in text
    named = re.findall(r"--\w+_file=/models/(\S+)", text)
    assert sorted(named) == ["batching_parameters.txt", "models.config", "monitoring.config"]
    for name in named:
        assert (EXPORTED / name).is_file()
    assert {"8500:8500", "8501:8501"} <= set(re.findall(r"\d+:\d+(?=\")", text))


def test_compose_says_what_it_means():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (extra `test`)")
    compose = yaml.safe_load((EXPORTED / "compose.yaml").read_text())
    (service,) = compose["services"].values()
    assert all(re.fullmatch(r"--[a-z_]+=\S+", option) for option in service["command"])
    # Text, not what YAML makes of 8500:8500 or of a bare 1; and reachable from this machine only.
    assert service["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
    assert all(isinstance(value, str) for value in service["environment"].values())
    assert service["volumes"] == [".:/models:ro"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["healthcheck"]["test"][0] == "CMD-SHELL"


def readme_calls():
    """Bodies of the curl calls in the README, and the answers that it shows."""
    text = (EXPORTED / "README.md").read_text()
    pattern = r"```sh\ncurl -d '([^']+)'.*?```\n(?:\n```json\n(.*?)```\n)?"
    return [(json.loads(body), answer) for body, answer in re.findall(pattern, text, re.DOTALL)]


def test_the_readme_calls_every_signature(exported):
    language = exported("gru", 2, "char")
    backend = Backend(language, "python_docs_gru")
    called = set()
    for body, _ in readme_calls():
        answer = rest_predict(backend, json.dumps(body))
        signature = body.get("signature_name", "serving_default")
        called.add(signature)
        known = language.signatures[signature]["outputs"]
        outputs = answer["outputs"]
        assert len(known) == 1 or set(outputs) == set(known)
    assert called == set(language.signatures) - {"step"}


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir(REFERENCE), reason="the reference model is not there")
def test_the_readme_shows_the_answers_of_the_reference_model(loader):
    from .conftest import Exported

    language = Exported(REFERENCE, loader.load(REFERENCE), None, loader)
    backend = Backend(language, "python_docs_gru")
    calls = readme_calls()
    if not any(shown for _, shown in calls):
        pytest.skip("no answers in exported/README.md: run tests/serving/fill_readme.py")
    for body, shown in calls:
        assert shown, body
        compare(rest_predict(backend, json.dumps(body)), json.loads(shown))


def compare(value, shown):
    if isinstance(value, dict):
        assert set(value) == set(shown)
        for key in value:
            compare(value[key], shown[key])
    elif isinstance(value, list):
        assert len(value) == len(shown)
        for v, s in zip(value, shown, strict=True):
            compare(v, s)
    elif isinstance(value, float):
        assert value == pytest.approx(shown, rel=1e-3, abs=1e-3)
    else:
        assert value == shown
