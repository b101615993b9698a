"""Every cap of every signature, to the byte and to the token: by a model that forgets nothing."""

import contextlib

import numpy as np
import pytest

import tfseq
from tfseq.serving import ServingSettings, export_language_model
from tfseq.serving import export as export_module

PROMPT_BYTES, SCORE_BYTES, NEW_TOKENS, DEFAULT_TOKENS = 12, 20, 9, 3
SYMBOLS = ["a", "b", "c", "x", "y"]


@pytest.fixture(scope="module")
def run(loader, tmp_path_factory):
    """Requests to a latch: once it has read `a` it writes `x`, after `b` it writes `y`; else `c`.

    h_t = tanh(3 h_{t−1} ± 20): a simple RNN of one unit, which stays at 1 or −1 whatever follows.
    """
    vocabulary = tfseq.Vocabulary(SYMBOLS)
    model = tfseq.LanguageModel(len(vocabulary), cell="rnn", units=1)
    kernel, output = np.zeros([6, 1]), np.zeros([1, 6])
    kernel[[1, 2], 0] = 20, -20
    output[0, [4, 5]] = 30, -30
    weights = [output, [0, 0, 0, 5, 0, 0], kernel, [[3.0]], [0.0]]
    model.set_weights([np.array(weight) for weight in weights])
    settings = ServingSettings(
        max_new_tokens=NEW_TOKENS,
        max_prompt_bytes=PROMPT_BYTES,
        max_score_bytes=SCORE_BYTES,
        beam_size=2,
        default_max_new_tokens=DEFAULT_TOKENS,
        default_temperature=0.0,
        max_batch_size=2,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_module, "LoaderProcess", contextlib.nullcontext)
        patch.setattr(export_module, "replay", lambda directory, loader: None)
        path = export_language_model(
            model,
            tfseq.CharTokenizer(),
            vocabulary,
            tmp_path_factory.mktemp("latch"),
            settings=settings,
        )
    loader.load(path)
    return lambda signature, **inputs: loader.run(path, signature, **inputs)


def column(value, dtype):
    return np.full(3, value, dtype)


# What each signature makes of three prompts: the symbol that it writes or finds most probable.
WRITTEN = {
    "serving_default": lambda run, prompts: run("serving_default", prompt=prompts)["text"],
    "generate": lambda run, prompts: run(
        "generate",
        prompt=prompts,
        max_new_tokens=column(1, "int32"),
        temperature=column(0, "float32"),
        top_k=column(0, "int32"),
        top_p=column(1, "float32"),
        seed=column(0, "int64"),
    )["completion"],
    "beam_search": lambda run, prompts: run(
        "beam_search", prompt=prompts, max_new_tokens=column(1, "int32")
    )["texts"][:, 0],
    "next_token": lambda run, prompts: run("next_token", prompt=prompts)["tokens"][:, 0],
}


@pytest.mark.parametrize("signature", WRITTEN)
def test_of_a_prompt_the_last_bytes_are_read_and_no_more(run, signature):
    rest = "c" * (PROMPT_BYTES - 1)
    prompts = ["a" + rest, "b" + rest, "a" + rest + "c"]
    written = [text.decode()[-1:] for text in WRITTEN[signature](run, prompts)]
    assert written == ["x", "y", "c"]


@pytest.mark.parametrize("signature", ["generate", "beam_search"])
def test_a_prompt_that_was_cut_is_said_to_be(run, signature):
    inputs = {"prompt": ["c" * n for n in (PROMPT_BYTES - 1, PROMPT_BYTES, PROMPT_BYTES + 1)]}
    inputs["max_new_tokens"] = column(1, "int32")
    if signature == "generate":
        inputs |= {
            "temperature": column(0, "float32"),
            "top_k": column(0, "int32"),
            "top_p": column(1, "float32"),
            "seed": column(0, "int64"),
        }
    assert run(signature, **inputs)["warning"].tolist() == [
        b"",
        b"",
        f"Of `prompt` the model read the last {PROMPT_BYTES} bytes only.".encode(),
    ]


def test_no_more_tokens_are_made_than_the_cap(run):
    asked = np.int32([NEW_TOKENS - 1, NEW_TOKENS, NEW_TOKENS + 1])
    made = "x" * (NEW_TOKENS - 1), "x" * NEW_TOKENS, "x" * NEW_TOKENS
    warning = (
        f"`max_new_tokens` must be from 0 to {NEW_TOKENS}. Received: {NEW_TOKENS + 1}; used: "
        f"{NEW_TOKENS}."
    )
    outputs = run(
        "generate",
        prompt=["a"] * 3,
        max_new_tokens=asked,
        temperature=column(0, "float32"),
        top_k=column(0, "int32"),
        top_p=column(1, "float32"),
        seed=column(0, "int64"),
    )
    assert [text.decode() for text in outputs["completion"]] == list(made)
    assert outputs["num_tokens"].tolist() == [NEW_TOKENS - 1, NEW_TOKENS, NEW_TOKENS]
    assert [text.decode() for text in outputs["warning"]] == ["", "", warning]
    outputs = run("beam_search", prompt=["a"] * 3, max_new_tokens=asked)
    assert [text.decode() for text in outputs["texts"][:, 0]] == ["a" + text for text in made]
    assert [text.decode() for text in outputs["warning"]] == ["", "", warning]
    outputs = run("serving_default", prompt=["a"])
    assert outputs["text"][0].decode() == "a" + "x" * DEFAULT_TOKENS


def test_of_a_text_the_first_bytes_are_scored_and_encoded_and_no_more(run):
    texts = ["c" * (SCORE_BYTES - 1), "c" * (SCORE_BYTES - 1) + "a", "c" * SCORE_BYTES + "a"]
    outputs = run("score", text=texts)
    counted = [SCORE_BYTES - 2, SCORE_BYTES - 1, SCORE_BYTES - 1]
    assert outputs["num_tokens"].tolist() == counted
    assert outputs["token_log_probabilities"].shape == (3, SCORE_BYTES - 1)
    # log P(c) = −log(1 + 5 e⁻⁵) while the latch is open, log P(a) = −5 less.
    log_c = -np.log(1 + 5 * np.exp(-5))
    expected = np.array(counted) * log_c - [0, 5, 0]
    np.testing.assert_allclose(outputs["log_probability"], expected, rtol=1e-4)
    warning = f"Of `text` the first {SCORE_BYTES} bytes only were scored."
    assert [text.decode() for text in outputs["warning"]] == ["", "", warning]
    outputs = run("encode", text=texts)
    assert outputs["num_tokens"].tolist() == [SCORE_BYTES - 1, SCORE_BYTES, SCORE_BYTES]
    assert outputs["token_ids"].tolist() == [
        [3] * (SCORE_BYTES - 1) + [0],
        [3] * (SCORE_BYTES - 1) + [1],
        [3] * SCORE_BYTES,
    ]


def test_an_id_that_there_is_not_is_read_as_the_unknown_token(run):
    state = np.float32([[1], [1], [1], [1], [1]])
    outputs = run("step", token_ids=np.int32([0, -1, 6, 5, 2]), state_0=state)
    # One past the last, and one before the first; the last of all is none of them.
    np.testing.assert_array_equal(outputs["logits"][1], outputs["logits"][0])
    np.testing.assert_array_equal(outputs["logits"][2], outputs["logits"][0])
    np.testing.assert_allclose(outputs["state_0"][:, 0], np.tanh([3, 3, 3, 3, -17]), rtol=1e-6)
    decoded = run("decode", token_ids=np.int32([[5, 6, -1]]), num_tokens=np.int32([4]))
    assert decoded["text"].tolist() == [b"y<unk><unk>"]


def test_next_token_lists_all_there_are_where_more_are_asked_for(run):
    tokens = run("next_token", prompt=["c"])["tokens"]
    assert sorted(tokens[0].tolist()) == [symbol.encode() for symbol in SYMBOLS]
