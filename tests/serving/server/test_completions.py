"""`/v1/completions` as OpenAI's own package speaks it, here and in front of another server."""

import json

import numpy as np
import pytest

from .running_server import Running

SETTINGS = {"prompt": "abe d", "max_tokens": 20, "temperature": 0.8, "top_p": 0.9, "seed": 5}


@pytest.fixture(params=["server", pytest.param("proxy", marks=pytest.mark.slow)])
def place(request) -> Running:
    return request.getfixturevalue(request.param)


@pytest.fixture
def client(place):
    openai = pytest.importorskip("openai", reason="openai is not installed (extra `test`)")
    with openai.OpenAI(
        base_url=f"http://{place.address}/v1", api_key="none", max_retries=0
    ) as client:
        yield client


def generated(language, prompts, seeds, max_tokens=20, temperature=0.8, top_p=0.9):
    rows = len(prompts)
    return language.run(
        "generate",
        prompt=np.array([prompt.encode() for prompt in prompts], object),
        max_new_tokens=np.full(rows, max_tokens, "int32"),
        temperature=np.full(rows, temperature, "float32"),
        top_k=np.zeros(rows, "int32"),
        top_p=np.full(rows, top_p, "float32"),
        seed=np.array(seeds, "int64"),
    )


def completions(language, *arguments, **settings):
    return [text.decode() for text in generated(language, *arguments, **settings)["completion"]]


def test_a_text_whole_and_streamed(client, place, language):
    """Both are the completion that the loader gives for the same settings."""
    (expected,) = completions(language, ["abe d"], [5])
    whole = client.completions.create(model=place.name, **SETTINGS)
    assert whole.object == "text_completion"
    assert [(c.index, c.text, c.finish_reason) for c in whole.choices] == [(0, expected, "length")]
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (5, 20)
    events = list(client.completions.create(model=place.name, stream=True, **SETTINGS))
    assert "".join(event.choices[0].text for event in events) == expected
    assert [event.choices[0].finish_reason for event in events] == [None] * 19 + ["length"]
    assert {event.id for event in events} == {events[0].id}


def test_in_front_of_another_server(proxy, server, language):
    """What is written by way of another server's REST API, and what is passed on to it."""
    (expected,) = completions(language, ["abe d"], [5])
    assert proxy.complete(**SETTINGS).json()["choices"][0]["text"] == expected
    events = proxy.complete(stream=True, **SETTINGS).text.split("\n\n")[:-2]
    events = [json.loads(event.removeprefix("data: ")) for event in events]
    assert "".join(event["choices"][0]["text"] for event in events) == expected
    for path in ("", "/metadata", "/versions/1", "/labels/stable", "/versions/7"):
        answers = [at.http.get(f"/v1/models/{at.name}{path}") for at in (proxy, server)]
        assert len({answer.status_code for answer in answers}) == 1
        first, second = (answer.json() | {"created": 0} for answer in answers)
        assert first == second
    for instances in (["ab"], [5]):
        answers = [at.predict(instances=instances) for at in (proxy, server)]
        assert answers[0].json() == answers[1].json()
        assert answers[0].status_code == answers[1].status_code


def test_several_prompts_and_choices(client, place, language):
    """Choice i of a prompt has the seed SEED + i, whatever it stands beside."""
    asked = {**SETTINGS, "prompt": ["abe d", "想要"], "n": 2}
    expected = completions(language, ["abe d"] * 2 + ["想要"] * 2, [5, 6, 5, 6])
    whole = client.completions.create(model=place.name, **asked)
    assert [choice.text for choice in whole.choices] == expected
    texts = [""] * 4
    options = {"include_usage": True}
    *events, last = client.completions.create(
        model=place.name, stream=True, stream_options=options, **asked
    )
    for event in events:
        texts[event.choices[0].index] += event.choices[0].text
    assert texts == expected
    assert last.choices == []
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (7, 80)


def test_logprobs_and_echo(client, place, language):
    """The log probabilities are those of `score` for prompt and completion."""
    (expected,) = completions(language, ["abe d"], [5])
    (choice,) = client.completions.create(
        model=place.name, logprobs=3, echo=True, **SETTINGS
    ).choices
    text = f"abe d{expected}"
    assert choice.text == text
    assert choice.logprobs.tokens == list(text)
    assert choice.logprobs.text_offset == list(range(25))
    scores = language.run("score", text=np.array([text.encode()], object))
    first, *others = choice.logprobs.token_logprobs
    assert first is None
    np.testing.assert_allclose(others, scores["token_log_probabilities"][0], atol=1e-5)
    for token, score, top in zip(
        choice.logprobs.tokens[1:], others, choice.logprobs.top_logprobs[1:], strict=True
    ):
        assert len(top) in (3, 4)
        assert list(top.values()) == sorted(top.values(), reverse=True)
        assert top[token] == score


def test_a_text_can_be_scored_alone(client, place, language):
    (choice,) = client.completions.create(
        model=place.name, prompt="cabbed", max_tokens=0, echo=True, logprobs=0
    ).choices
    scores = language.run("score", text=np.array([b"cabbed"], object))
    assert choice.text == "cabbed"
    assert choice.logprobs.top_logprobs is None
    np.testing.assert_allclose(
        choice.logprobs.token_logprobs[1:], scores["token_log_probabilities"][0], atol=1e-5
    )


@pytest.mark.parametrize("stream", [False, True])
def test_stop(client, place, language, stream):
    """The text ends where a stop string begins, and nothing of one is given before."""
    (expected,) = completions(language, ["abe d"], [5])
    stop = expected[7:10]
    cut = expected[: expected.index(stop)]
    answer = client.completions.create(
        model=place.name, stop=[stop, "never"], stream=stream, **SETTINGS
    )
    events = list(answer) if stream else [answer]
    assert "".join(event.choices[0].text for event in events) == cut
    assert events[-1].choices[0].finish_reason == "stop"


def test_controls(client, place, language):
    """By llama.cpp's names; in one request and token by token they come to the same text."""
    names = {"min_p": 0.05, "repeat_penalty": 1.5, "repeat_last_n": 9}
    asked = {**SETTINGS, "frequency_penalty": 0.5, "extra_body": names}
    whole = client.completions.create(model=place.name, **asked).choices[0].text
    events = client.completions.create(model=place.name, stream=True, **asked)
    assert "".join(event.choices[0].text for event in events) == whole
    with_logprobs = client.completions.create(model=place.name, logprobs=1, **asked)
    assert with_logprobs.choices[0].text == whole
    assert whole != completions(language, ["abe d"], [5])[0]


def test_greedy_and_no_tokens(client, place, language):
    (expected,) = completions(language, ["cab"], [0], temperature=0.0, top_p=1.0)
    for stream in (False, True):
        answer = client.completions.create(
            model=place.name, prompt="cab", max_tokens=20, temperature=0, stream=stream
        )
        events = list(answer) if stream else [answer]
        assert "".join(event.choices[0].text for event in events) == expected
    nothing = client.completions.create(model=place.name, prompt="a", max_tokens=0)
    assert nothing.choices[0].text == ""


def test_after_nothing(client, place, language):
    (expected,) = completions(language, [""], [5])
    for stream in (False, True):
        answer = client.completions.create(
            model=place.name, **{**SETTINGS, "prompt": ""}, stream=stream
        )
        events = list(answer) if stream else [answer]
        assert "".join(event.choices[0].text for event in events) == expected


def test_models(client, place):
    (model,) = client.models.list().data
    assert (model.id, model.kind, model.version) == (place.name, "language_model", "1")
    assert client.models.retrieve(place.name).id == place.name


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"model": "other"}, 404),
        ({"prompt": 5}, 400),
        ({"prompt": []}, 400),
        ({"prompt": [1, 2]}, 400),
        ({"prompt": "\ud800"}, 400),
        ({"prompt": "z" * 20_000}, 400),
        ({"max_tokens": -1}, 400),
        ({"max_tokens": 2.5}, 400),
        ({"max_tokens": 5000}, 400),
        ({"temperature": -1}, 400),
        ({"temperature": float("nan")}, 400),
        ({"top_p": 2}, 400),
        ({"n": 0}, 400),
        ({"n": True}, 400),
        ({"seed": "a"}, 400),
        ({"stop": [""]}, 400),
        ({"stop": list("abcde")}, 400),
        ({"logprobs": 21}, 400),
        ({"stream": 1}, 400),
        ({"stream_options": {"other": True}}, 400),
        ({"best_of": 2}, 400),
        ({"frequency_penalty": 500}, 400),
        ({"min_p": 1.5}, 400),
        ({"repeat_penalty": 0}, 400),
        ({"repeat_last_n": -2}, 400),
        ({"repetition_penalty": 1.1}, 400),
        ({"presence_penalty": 1}, 400),
        ({"logit_bias": {"5": 1}}, 400),
        ({"suffix": "a"}, 400),
        ({"anything": None, "else": 1}, 400),
    ],
)
def test_what_is_wrong_is_named(server, wrong, status):
    for stream in (False, True):
        body = json.dumps({"stream": stream, **wrong})
        answer = server.http.post("/v1/completions", content=body.encode())
        assert answer.status_code == status
        error = answer.json()["error"]
        name = list(wrong)[-1]
        assert error["param"] == name
        assert "not_found" in error["type"] if status == 404 else "invalid" in error["type"]
        assert name in error["message"] or "other" in error["message"]


def test_what_changes_nothing_is_allowed(server):
    neutral = {
        "model": server.name,
        "best_of": 1,
        "frequency_penalty": 0,
        "repeat_penalty": 1.0,
        "repeat_last_n": 5,
        "min_p": 0,
        "presence_penalty": 0.0,
        "logit_bias": {},
        "suffix": None,
        "user": "me",
        "stop": None,
        "logprobs": None,
    }
    with_them, without = (
        server.complete(**SETTINGS, **others).json()["choices"] for others in (neutral, {})
    )
    assert with_them == without


def test_tokens_go_whole_through_a_stream(server):
    """Every event is whole, and is UTF-8 by itself; the last says that there are no more."""
    with server.http.stream("POST", "/v1/completions", json={**SETTINGS, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        content = b"".join(answer.iter_raw())
    *events, done, rest = content.split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    assert len(events) == 20
    for event in events:
        assert len(json.loads(event.removeprefix(b"data: "))["choices"][0]["text"]) == 1
