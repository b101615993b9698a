"""TensorFlow Serving's REST API: what is answered is what the loader answers."""

import base64
import importlib.util
import json

import numpy as np
import pytest

from tfseq.serving import Client

TEXTS = ["abe d", "想要 直升机", "", "a\0b"]
GENERATE = {
    "prompt": ["abe d", "cab"],
    "max_new_tokens": [6, 9],
    "temperature": [0.9, 0.0],
    "top_k": [5, 0],
    "top_p": [0.9, 1.0],
    "seed": [3, 2**40],
}


def column(texts):
    return np.array([text.encode() for text in texts], object)


def texts_of(array):
    return [text.decode() for text in array.tolist()]


def test_generate_in_columns(server, language):
    dtypes = [object, "int32", "float32", "int32", "float32", "int64"]
    inputs = {k: np.array(v, d) for (k, v), d in zip(GENERATE.items(), dtypes, strict=True)}
    inputs["prompt"] = column(GENERATE["prompt"])
    expected = language.run("generate", **inputs)
    answer = server.predict("generate", inputs=GENERATE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    outputs = answer.json()["outputs"]
    assert set(outputs) == set(expected)
    for name in ("text", "completion", "warning"):
        assert outputs[name] == texts_of(expected[name])
    assert outputs["num_tokens"] == [6, 9]
    np.testing.assert_allclose(outputs["log_probability"], expected["log_probability"], rtol=1e-5)


def test_generate_in_rows(server):
    """The same in the row format: an object for each row, in and out."""
    by_column = server.predict("generate", inputs=GENERATE).json()["outputs"]
    rows = [dict(zip(GENERATE, row, strict=True)) for row in zip(*GENERATE.values(), strict=True)]
    predictions = server.predict("generate", instances=rows).json()["predictions"]
    assert [row["completion"] for row in predictions] == by_column["completion"]
    assert [row["num_tokens"] for row in predictions] == [6, 9]


def test_one_input_and_one_output_go_without_names(server, language):
    expected = texts_of(language.run("serving_default", prompt=column(TEXTS))["text"])
    in_base64 = [{"b64": base64.b64encode(text.encode()).decode()} for text in TEXTS]
    # As command lines write it, and without what fills it up.
    in_lines = [{"b64": base64.encodebytes(text.encode()).decode()} for text in TEXTS]
    unfilled = [{"b64": text["b64"].rstrip("=")} for text in in_base64]
    for body in (
        {"instances": TEXTS},
        {"instances": [{"prompt": text} for text in TEXTS]},
        {"instances": in_base64},
        {"instances": in_lines},
        {"instances": unfilled},
        {"instances": [{"prompt": text} for text in in_base64]},
    ):
        assert server.predict(**body).json() == {"predictions": expected}, body
    for inputs in (TEXTS, {"prompt": TEXTS}, in_base64):
        assert server.predict(inputs=inputs).json() == {"outputs": expected}


def test_numbers_of_two_dimensions(server, language):
    ids = [[1, 2, 3], [4, 5, -1]]
    expected = language.run(
        "decode", token_ids=np.array(ids, "int32"), num_tokens=np.array([3, 2], "int32")
    )
    answer = server.predict("decode", inputs={"token_ids": ids, "num_tokens": [3, 2]})
    assert answer.json() == {"outputs": texts_of(expected["text"])}


def test_more_rows_than_a_batch_has(server, language):
    texts = [f"{'ab' * (number % 5)}c" for number in range(70)]
    expected = language.run("encode", text=column(texts))
    outputs = server.predict("encode", inputs=texts).json()["outputs"]
    assert outputs["num_tokens"] == expected["num_tokens"].tolist()
    assert outputs["token_ids"] == expected["token_ids"].tolist()


def test_the_client_of_this_package(server):
    """Types and shapes come from `/metadata`, so that this holds of those too."""
    with Client(server.address, server.name, protocol="rest", max_retries=0) as client:
        outputs = client.generate("abe d", 6, 0.9, 5, 0.9, 3)
        by_name = server.predict("generate", inputs=GENERATE).json()["outputs"]
        assert outputs["completion"][0] == by_name["completion"][0]
        assert {name: s.shape for name, s in client.initial_states(2).items()} == {
            "state_0_h": (2, 12),
            "state_0_c": (2, 12),
        }
        assert "".join(client.stream("abe d", 6, 0.9, 5, 0.9, 3)) == outputs["completion"][0]


def test_status_and_labels(server):
    path = f"/v1/models/{server.name}"
    available = {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    for which in ("/versions/1", "/labels/stable"):
        answer = server.http.get(path + which)
        assert answer.json() == {"model_version_status": [available]}
        assert server.predict(path=which, instances=["a"]).status_code == 200
        spec = server.http.get(f"{path}{which}/metadata").json()["model_spec"]
        assert spec == {"name": server.name, "signature_name": "", "version": "1"}
    assert server.http.get(path).json()["model_version_status"] == [available]


def test_metadata(server, language):
    answer = server.http.get(f"/v1/models/{server.name}/metadata").json()
    described = answer["metadata"]["signature_def"]["signature_def"]
    assert set(described) == set(language.signatures)
    assert described["score"]["method_name"] == "tensorflow/serving/predict"
    scores = described["score"]["outputs"]["token_log_probabilities"]
    assert scores["dtype"] == "DT_FLOAT"
    assert scores["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}] * 2,
        "unknown_rank": False,
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "either `instances`"),
        ({"instances": ["a"], "inputs": ["a"]}, "either `instances`"),
        ({"instances": []}, "at least one row"),
        ({"instances": "a"}, "must be a list"),
        ({"instances": [5]}, "`prompt` must be of type DT_STRING. Received: 5."),
        ({"instances": [["a"]]}, "`prompt` must have 1 dimensions, and has more"),
        ({"instances": [{"text": "a"}]}, "Missing: `prompt`"),
        ({"instances": [{"prompt": "a", "text": "b"}]}, "Unknown: `text`"),
        ({"instances": [{"b64": "%"}]}, "in base64"),
        ({"instances": [{"b64": "YQ=="}, {"b64": "Y"}]}, "in base64"),
        ({"instances": [{"b64": 5}]}, "in base64"),
        ({"instances": ["\ud800"]}, "surrogate"),
        ({"inputs": "a"}, "`prompt` must have 1 dimensions, and has 0"),
        ({"signature_name": "x", "inputs": ["a"]}, "Serving signature name: 'x' not found"),
        ({"signature_name": ["x"], "inputs": ["a"]}, "`signature_name` must be a text"),
        ({"signature_name": "generate", "inputs": ["a"]}, "must be an object with `max_new"),
        (
            {"signature_name": "decode", "inputs": {"token_ids": [[1], [2, 3]], "num_tokens": [1]}},
            "lists of one length",
        ),
        (
            {"signature_name": "decode", "inputs": {"token_ids": [[1], [2]], "num_tokens": [1]}},
            "equally many rows",
        ),
        (
            {"signature_name": "decode", "inputs": {"token_ids": [[1.5]], "num_tokens": [1]}},
            "`token_ids` must be of type DT_INT32. Received: 1.5.",
        ),
        (
            {"signature_name": "decode", "inputs": {"token_ids": [[2**31]], "num_tokens": [1]}},
            "beyond DT_INT32",
        ),
        (
            {
                "signature_name": "step",
                "inputs": {"token_ids": [1], "state_0_h": [[0] * 11], "state_0_c": [[0] * 12]},
            },
            "`state_0_h` must have 12 entries in dimension 1, and has 11",
        ),
        (
            {"signature_name": "decode", "inputs": {"token_ids": [[True]], "num_tokens": [1]}},
            "Received: True",
        ),
    ],
)
def test_wrong_requests(server, body, said):
    answer = server.http.post(
        f"/v1/models/{server.name}:predict", content=json.dumps(body).encode()
    )
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"5", b"\xff", b"[" * 100_000, b'{"instances": ["a"]' * 2]
)
def test_wrong_json(server, content):
    answer = server.http.post(f"/v1/models/{server.name}:predict", content=content)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("The body")


def test_wrong_places(server):
    name = server.name
    for method, path, status, said in [
        ("GET", "/v1/models/other", 404, "Could not find any versions of model other"),
        ("GET", f"/v1/models/{name}/versions/7", 404, f"Could not find version 7 of model {name}"),
        ("GET", "/v1/models/other/metadata", 404, "Servable not found for request: Latest(other)"),
        ("POST", f"/v1/models/{name}/versions/7:predict", 404, f"Specific({name}, 7)"),
        ("POST", f"/v1/models/{name}/labels/x:predict", 400, "version label: x"),
        ("POST", f"/v1/models/{name}:classify", 400, "Only `:predict`"),
        ("GET", f"/v1/models/{name}:predict", 400, "Malformed request: GET"),
        ("POST", f"/v1/models/{name}/metadata", 400, "Malformed request: POST"),
        ("GET", f"/v1/models/{name}/version/1", 400, "Malformed request"),
        ("GET", "/elsewhere", 404, "nothing at /elsewhere"),
    ]:
        answer = server.http.request(method, path, content=b'{"instances": ["a"]}')
        assert answer.status_code == status, path
        assert said in answer.json()["error"]


def test_methods_that_there_are_not(server):
    """In the form of each API, with those that there are."""
    model = f"/v1/models/{server.name}"
    for path, allowed in [
        ("/", "GET, HEAD"),
        (model, "GET, HEAD"),
        (f"{model}/versions/1/metadata", "GET, HEAD"),
        (f"{model}:predict", "POST"),
        ("/monitoring/prometheus/metrics", "GET, HEAD"),
        ("/v1/models", "GET, HEAD"),
        ("/v1/completions", "POST"),
    ]:
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "ODD"):
            answer = server.http.request(method, path)
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
            error = answer.json()["error"]
            message = error["message"] if path in ("/v1/models", "/v1/completions") else error
            assert message.endswith(f"Received: {method}.")
    answer = server.http.get("/v1/completions")
    assert (answer.status_code, answer.json()["error"]["type"]) == (405, "invalid_request_error")
    assert server.http.put("/elsewhere").status_code == 404
    assert server.http.head(model).status_code == 200


def test_metrics(server):
    """Counts are in the text format of Prometheus, under TensorFlow Serving's names."""

    def read():
        lines = server.http.get("/monitoring/prometheus/metrics").text.splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

    ok = f':tensorflow:serving:request_count{{model_name="{server.name}",status="OK"}}'
    invalid = ok.replace("OK", "INVALID_ARGUMENT")
    server.predict(instances=[5])
    before = read()
    server.predict(instances=["a"])
    server.predict(instances=[5])
    after = read()
    assert int(after[ok]) == int(before[ok]) + 1
    assert int(after[invalid]) == int(before[invalid]) + 1
    labels = f'model_name="{server.name}",API="predict",entrypoint="REST"'
    latency = ":tensorflow:serving:request_latency"
    count = int(after[f"{latency}_count{{{labels}}}"])
    assert count == int(before[f"{latency}_count{{{labels}}}"]) + 2
    assert int(after[f'{latency}_bucket{{{labels},le="+Inf"}}']) == count


def test_the_page(server):
    answer = server.http.get("/")
    if importlib.util.find_spec("tfseq.serving.server.page") is None:
        assert answer.status_code == 404
    else:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.text.lower().startswith("<!doctype html>")
