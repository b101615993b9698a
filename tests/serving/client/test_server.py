"""The same cases over gRPC and REST, on loopback servers and, where there is one, on a real one.

The real server's address is in TFSEQ_SERVING_ADDRESS (HOST:PORT of gRPC), REST's in
TFSEQ_SERVING_REST_ADDRESS (left out: port 8501 of that host), the model's name in
TFSEQ_SERVING_MODEL (left out: python_docs_gru). These alone: `pytest -m server -n 0`.
"""

import itertools
import os

import numpy as np
import pytest

from tfseq.serving import Client, RequestError, ServingError

from ..fake_server import Backend, GrpcServer, RestServer, client_of

SKIPPED = "no server to test: TFSEQ_SERVING_ADDRESS is not set"
HOSTILE = [
    "",
    "\0",
    "a\0b",
    b"\xff\xfe\x80",
    "👩‍👩‍👧‍👦 e\u0301\u0302 \u202eשלום\u202c",
    "<unk>",
    "z" * 100_000,
]


@pytest.fixture(
    scope="module",
    params=[
        *["grpc-loopback-char", "grpc-loopback-word", "rest-loopback-char", "rest-loopback-word"],
        pytest.param("grpc-real", marks=pytest.mark.server),
        pytest.param("rest-real", marks=pytest.mark.server),
    ],
)
def client(request, exported):
    protocol, place, *kind = request.param.split("-")
    if protocol == "grpc":
        pytest.importorskip(
            "tensorflow_serving.apis",
            reason="tensorflow-serving-api is not installed (extra `serving`)",
        )
    if place == "real":
        address = os.environ.get("TFSEQ_SERVING_ADDRESS")
        if not address:
            pytest.skip(SKIPPED)
        if protocol == "rest":
            host = address.rpartition(":")[0]
            address = os.environ.get("TFSEQ_SERVING_REST_ADDRESS", f"{host}:8501")
        name = os.environ.get("TFSEQ_SERVING_MODEL", "python_docs_gru")
        with Client(address, name, protocol=protocol) as client:
            yield client
        return
    language = exported("gru", 2, "char") if kind == ["char"] else exported("gru", 1, "word")
    server = {"grpc": GrpcServer, "rest": RestServer}[protocol](Backend(language))
    with Client(server.address, "language", protocol=protocol) as client:
        yield client
    server.close()


def test_default(client):
    one = client.serving_default("the ")["text"]
    assert one.shape == (1,)
    assert one[0].startswith("the")
    assert client.serving_default(["the ", ""])["text"][0] == one[0]


def test_generate_by_seed(client):
    outputs = client.generate(["the ", "the ", "a "], [5, 5, 0], temperature=2.0, seed=[1, 1, 2])
    assert outputs["text"][0] == outputs["text"][1]
    assert outputs["num_tokens"].tolist() == [5, 5, 0]
    assert outputs["completion"][2] == ""
    assert outputs["warning"].tolist() == [""] * 3
    assert outputs["log_probability"][2] == 0
    assert np.all(outputs["log_probability"][:2] < 0)
    others = {client.generate("the ", 20, 2.0, seed=seed)["text"][0] for seed in range(3)}
    assert len(others) == 3


def test_clamped_settings_are_said(client):
    outputs = client.generate("a", -3, temperature=float("nan"), top_k=-1, top_p=float("inf"))
    warning = outputs["warning"][0]
    for name in ("max_new_tokens", "temperature", "top_k", "top_p"):
        assert f"`{name}` must be from" in warning


def test_hostile_texts(client):
    expected = client.generate("ab", 3)["text"][0]
    outputs = client.generate([*HOSTILE, "ab"], 3)
    assert outputs["text"][-1] == expected
    for prompt, text in zip(HOSTILE, outputs["text"], strict=False):
        prompt = prompt.decode("utf-8", "replace") if isinstance(prompt, bytes) else prompt
        assert text.startswith(prompt)
    assert np.isfinite(client.score(HOSTILE)["log_probability"]).all()
    # The neighbours change nothing for the last row.
    alone = client.serving_default("ab")["text"][0]
    assert client.serving_default([*HOSTILE, "ab"])["text"].tolist()[7:] == [alone]
    alone = client.next_token("ab")["tokens"][0].tolist()
    assert client.next_token([*HOSTILE, "ab"])["tokens"].tolist()[7:] == [alone]
    alone = client.encode("ab")["token_ids"][0].tolist()
    encoded = client.encode([*HOSTILE, "ab"])
    assert encoded["num_tokens"].shape == (8,)
    assert encoded["token_ids"][7, : encoded["num_tokens"][7]].tolist() == alone


def test_beam_search_is_ordered_and_at_least_as_good_as_greedy(client):
    outputs = client.beam_search(["the ", ""], [6, 2])
    assert outputs["texts"].shape == outputs["log_probabilities"].shape
    assert np.all(np.diff(outputs["log_probabilities"]) <= 0)
    greedy = client.generate(["the ", ""], [1, 1], temperature=0.0)
    best = client.beam_search(["the ", ""], 1)
    np.testing.assert_allclose(
        best["log_probabilities"][:, 0], greedy["log_probability"], rtol=1e-4, atol=1e-5
    )
    assert best["texts"][:, 0].tolist() == greedy["text"].tolist()


def test_encode_and_decode(client):
    texts = ["abc de", "the time machine", "a bad cab"]
    encoded = client.encode([*texts, ""])
    assert encoded["num_tokens"][3] == 0
    decoded = client.decode(encoded["token_ids"], encoded["num_tokens"])["text"]
    known = [
        row for row, n in enumerate(encoded["num_tokens"]) if encoded["token_ids"][row, :n].all()
    ]
    assert len(known) > 1
    for row in known:
        assert decoded[row] == [*texts, ""][row]
    assert client.decode([[-1, 10**8]])["text"].shape == (1,)
    cut = [
        row[:n].tolist() for row, n in zip(encoded["token_ids"], encoded["num_tokens"], strict=True)
    ]
    assert client.decode(cut)["text"].tolist() == decoded.tolist()


def test_n_steps_equal_one_pass(client):
    text = "the machine went on."
    scores = client.score(text)
    ids = client.encode(text)["token_ids"][0]
    states = client.initial_states(1)
    for t, (token, following) in enumerate(itertools.pairwise(ids)):
        outputs = client.step([token], states)
        states = {name: outputs[name] for name in states}
        logits = outputs["logits"][0].astype("float64")
        score = logits[following] - np.logaddexp.reduce(logits)
        np.testing.assert_allclose(score, scores["token_log_probabilities"][0, t], atol=1e-5)
    total = scores["token_log_probabilities"][0].sum()
    np.testing.assert_allclose(scores["log_probability"][0], total, rtol=1e-4)
    assert scores["num_tokens"][0] == len(ids) - 1


def test_next_token_is_the_greedy_choice(client):
    outputs = client.next_token(["the ", "a"])
    assert np.all(np.diff(outputs["probabilities"]) <= 0)
    greedy = client.generate(["the ", "a"], 1, temperature=0.0)["completion"]
    assert outputs["tokens"][:, 0].tolist() == greedy.tolist()


@pytest.mark.parametrize("prompt", ["the ", ""])
def test_a_stream_is_the_text_of_generate(client, prompt):
    settings = {"temperature": 1.5, "top_k": 12, "seed": 11}
    pieces = list(client.stream(prompt, 15, **settings))
    expected = client.generate(prompt, 15, **settings)["completion"][0]
    assert "".join(pieces) == expected
    assert len(pieces) > 3
    assert list(client.stream(prompt, 0)) == []


CONTROLS = {"min_p": 0.03, "repetition_penalty": 1.3, "repetition_window": 6}


@pytest.mark.parametrize("stop", [(), "e", ["d", "on", ". "]])
def test_a_stream_is_controlled_as_generate_is(client, stop):
    settings = {"temperature": 1.5, "seed": 4, "stop": stop, "frequency_penalty": 0.5, **CONTROLS}
    outputs = client.generate("the ", 25, **settings)
    assert "".join(client.stream("the ", 25, **settings)) == outputs["completion"][0]
    assert outputs["stopped"][0] == (outputs["num_tokens"][0] < 25)
    assert outputs["warning"][0] == ""
    plain = client.generate("the ", 25, temperature=1.5, seed=4)
    assert outputs["completion"][0] != plain["completion"][0]


def test_every_prompt_may_have_its_own_controls(client):
    rows = client.generate(
        ["the ", "the ", "the "], 20, 1.2, seed=3, stop=[["e"], [], "o"], min_p=[0, 0.5, 0]
    )["completion"]
    for row, controls in enumerate(({"stop": "e"}, {"min_p": 0.5}, {"stop": ["o"]})):
        alone = client.generate("the ", 20, 1.2, seed=3, **controls)["completion"][0]
        assert rows[row] == alone
    # One list of strings is that of all.
    both = client.generate(["the ", "a "], 20, 1.2, seed=3, stop=["e", "o"])["completion"]
    assert both[0] == client.generate("the ", 20, 1.2, seed=3, stop=["e", "o"])["completion"][0]
    assert "e" not in both[1]
    off = client.generate("the ", 20, 1.2, seed=3, stop=(), min_p=0.0, repetition_window=9)
    assert "stopped" not in off


@pytest.mark.parametrize(
    ("controls", "told"),
    [
        ({"stop": list("abcde")}, "`stop` must be up to 4 strings"),
        ({"min_p": 1.5}, "`min_p` must be from 0 to 1. Received: 1.5"),
        ({"repetition_penalty": 0}, "`repetition_penalty` must be from 0.01"),
        ({"stop": "é" * 33}, "`stop` must be strings of at most 64 bytes"),
    ],
)
def test_a_stream_refuses_what_the_graph_would_clamp(client, controls, told):
    with pytest.raises(ServingError, match=told):
        next(client.stream("the ", 5, **controls))


def test_controls_that_an_earlier_export_has_not(exported):
    language = exported("gru", 2, "char")
    signatures = dict(language.signatures)
    del signatures["generate_controlled"]
    with client_of("rest", signatures, language.run) as client:
        for name, value in (("stop", "a"), ("min_p", 0.1), ("frequency_penalty", [1.0])):
            with pytest.raises(RequestError, match=f"`{name}`: the model must have the signature"):
                client.generate("ab", 3, **{name: value})
        # Without them, and step by step, it does.
        assert client.generate("ab", 3, repetition_window=9)["num_tokens"].tolist() == [3]
        assert "".join(client.stream("ab", 9, stop=["a"])).find("a") == -1


def test_a_control_that_there_is_none_of(client):
    with pytest.raises(TypeError, match=r"no option `repeat_penalty`. Did you mean 'repetition_p"):
        client.generate("the ", 5, repeat_penalty=1.1)


def test_wrong_requests_are_invalid(client):
    with pytest.raises(
        ServingError, match=r"must have the shape \[any\]. Received: \[2, 1\]"
    ) as error:
        client.predict("score", text=np.array([["a"], ["b"]], object).astype("S").astype(object))
    assert error.value.code == "INVALID_ARGUMENT"
    with pytest.raises(ServingError, match="one of the model's: beam_search, decode, encode, gene"):
        client.predict("no_such_signature", text=np.array([b"a"], object))
    with pytest.raises(ServingError, match="takes the inputs max_new_tokens, prompt, seed"):
        client.predict("generate", prompt=np.array([b"a"], object))
    with pytest.raises(ServingError, match="Received: `prompt` has 2, `max_new_tokens` has 3"):
        client.beam_search(["a", "b"], [1, 2, 3])
    with pytest.raises(ServingError, match="`text` must be texts"):
        client.score(5)
    # What the metadata do not say, the server does.
    with pytest.raises(ServingError, match="INVALID_ARGUMENT") as error:
        client.predict("decode", token_ids=[[1], [2]], num_tokens=[1, 1, 1])
    assert error.value.code == "INVALID_ARGUMENT"
