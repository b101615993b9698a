"""Exports run by the C API alone, beside the same model in Python."""

import numpy as np
import pytest

from ..conftest import CHARACTERS, LANGUAGES, SETTINGS

PROMPTS = ["abc", "", "想要有", "the time machine ", "It's on", "zzz<unk>", "e\u0301 a\n\\n\t"]


@pytest.fixture(params=LANGUAGES)
def language(request, exported):
    return exported(*request.param)


def columns(count):
    """Settings of `count` rows, all different."""
    return {
        "max_new_tokens": np.int32([9, 5, 0, 32, 7, 1, 20])[:count],
        "temperature": np.float32([1, 0, 1, 0.5, 3, 1, 100])[:count],
        "top_k": np.int32([0, 0, 0, 3, 0, 1, 0])[:count],
        "top_p": np.float32([1, 1, 1, 1, 0.7, 1, 0.0])[:count],
        "seed": np.int64([0, 1, 2, -3, 2**63 - 1, 5, 6])[:count],
    }


def test_signatures_are_those_of_the_contract(exported):
    signatures = exported("gru", 2, "char").signatures
    names = {
        name: {
            side: {k: (v["dtype"], v["shape"]) for k, v in tensors.items()}
            for side, tensors in signature.items()
        }
        for name, signature in signatures.items()
    }
    row = [None]
    settings = {
        "prompt": ("string", row),
        "max_new_tokens": ("int32", row),
        "temperature": ("float32", row),
        "top_k": ("int32", row),
        "top_p": ("float32", row),
        "seed": ("int64", row),
    }
    controls = {
        "stop": ("string", [None, None]),
        "min_p": ("float32", row),
        "repetition_penalty": ("float32", row),
        "repetition_window": ("int32", row),
        "frequency_penalty": ("float32", row),
    }
    written = {
        "text": ("string", row),
        "completion": ("string", row),
        "warning": ("string", row),
        "num_tokens": ("int32", row),
        "log_probability": ("float32", row),
    }
    assert names == {
        "serving_default": {
            "inputs": {"prompt": ("string", row)},
            "outputs": {"text": ("string", row)},
        },
        "generate": {"inputs": settings, "outputs": written},
        "generate_controlled": {
            "inputs": settings | controls,
            "outputs": written | {"stopped": ("bool", row)},
        },
        "beam_search": {
            "inputs": {"prompt": ("string", row), "max_new_tokens": ("int32", row)},
            "outputs": {
                "texts": ("string", [None, 3]),
                "log_probabilities": ("float32", [None, 3]),
                "warning": ("string", row),
            },
        },
        "next_token": {
            "inputs": {"prompt": ("string", row)},
            "outputs": {
                "tokens": ("string", [None, 5]),
                "probabilities": ("float32", [None, 5]),
            },
        },
        "encode": {
            "inputs": {"text": ("string", row)},
            "outputs": {"token_ids": ("int32", [None, None]), "num_tokens": ("int32", row)},
        },
        "decode": {
            "inputs": {"token_ids": ("int32", [None, None]), "num_tokens": ("int32", row)},
            "outputs": {"text": ("string", row)},
        },
        "step": {
            "inputs": {
                "token_ids": ("int32", row),
                "state_0": ("float32", [None, 12]),
                "state_1": ("float32", [None, 12]),
            },
            "outputs": {
                "logits": ("float32", [None, len(CHARACTERS) + 1]),
                "state_0": ("float32", [None, 12]),
                "state_1": ("float32", [None, 12]),
            },
        },
        "score": {
            "inputs": {"text": ("string", row)},
            "outputs": {
                "log_probability": ("float32", row),
                "num_tokens": ("int32", row),
                "perplexity": ("float32", row),
                "warning": ("string", row),
                "token_log_probabilities": ("float32", [None, None]),
            },
        },
    }


@pytest.mark.everyday(2)
@pytest.mark.parametrize("count", [1, 7])
def test_generate_equals_python(language, count):
    inputs = columns(count)
    outputs = language.run("generate", prompt=PROMPTS[:count], **inputs)
    expected = language.generator.generate(PROMPTS[:count], **inputs)
    assert outputs["text"].tolist() == [e.text.encode() for e in expected]
    assert outputs["completion"].tolist() == [e.completion.encode() for e in expected]
    assert outputs["num_tokens"].tolist() == [e.num_tokens for e in expected]
    np.testing.assert_allclose(
        outputs["log_probability"], [e.log_probability for e in expected], rtol=1e-4, atol=1e-5
    )
    assert outputs["warning"].tolist() == [b""] * count


def test_generate_alone_equals_generate_in_a_batch(language):
    inputs = columns(7)
    together = language.run("generate", prompt=PROMPTS, **inputs)
    for r, prompt in enumerate(PROMPTS):
        alone = language.run(
            "generate", prompt=[prompt], **{name: values[[r]] for name, values in inputs.items()}
        )
        assert alone["text"][0] == together["text"][r]
        np.testing.assert_allclose(
            alone["log_probability"][0], together["log_probability"][r], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("count", [1, 7])
def test_serving_default_uses_the_settings_of_the_export(language, count):
    outputs = language.run("serving_default", prompt=PROMPTS[:count])
    expected = language.generator.generate(
        PROMPTS[:count], 20, temperature=SETTINGS.default_temperature, seed=0
    )
    assert outputs["text"].tolist() == [e.text.encode() for e in expected]


@pytest.mark.parametrize("count", [1, 7])
def test_score_equals_python(language, count):
    outputs = language.run("score", text=PROMPTS[:count])
    expected = language.generator.score(PROMPTS[:count])
    width = max(e.num_tokens for e in expected)
    assert outputs["token_log_probabilities"].shape == (count, width)
    for r, score in enumerate(expected):
        assert outputs["num_tokens"][r] == score.num_tokens
        assert outputs["warning"][r] == b""
        np.testing.assert_allclose(outputs["log_probability"][r], score.log_probability, rtol=1e-4)
        np.testing.assert_allclose(outputs["perplexity"][r], score.perplexity, rtol=1e-4)
        np.testing.assert_allclose(
            outputs["token_log_probabilities"][r, : score.num_tokens],
            score.token_log_probabilities,
            atol=1e-4,
        )
        assert not outputs["token_log_probabilities"][r, score.num_tokens :].any()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"embedding_size": 12, "tie_embeddings": True}, marks=pytest.mark.slow),
        pytest.param({"embedding_size": 5, "dropout": 0.5}, marks=pytest.mark.slow),
        {"dtype": "mixed_bfloat16"},
    ],
    ids=["tied", "embedded", "bfloat16"],
)
def test_every_kind_of_model_is_served(exported, options):
    language = exported("lstm", 2, "char", **options)
    inputs = columns(7)
    outputs = language.run("generate", prompt=PROMPTS, **inputs)
    expected = language.generator.generate(PROMPTS, **inputs)
    assert outputs["text"].tolist() == [e.text.encode() for e in expected]
    scores = language.run("score", text=PROMPTS)
    expected = [score.perplexity for score in language.generator.score(PROMPTS)]
    # TensorFlow may keep more than 8 bits between two operations; the export rounds after each.
    rtol = 1e-2 if "dtype" in options else 1e-4
    np.testing.assert_allclose(scores["perplexity"], expected, rtol=rtol)


def test_special_tokens_survive_the_asset_file(exported):
    language = exported("gru", 2, "char")
    completions = language.run(
        "generate",
        prompt=[""] * 20,
        max_new_tokens=np.full(20, 32, "int32"),
        temperature=np.full(20, 100, "float32"),
        top_k=np.zeros(20, "int32"),
        top_p=np.ones(20, "float32"),
        seed=np.arange(20),
    )["completion"]
    written = set(b"".join(completions.tolist()).decode())
    assert {"\n", " ", "\\", "\t", "想"} <= written
