"""`generate_controlled` by the C API beside Python, and `generate` as it was."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfseq
from tfseq.errors import InputError
from tfseq.serving import ServingSettings, export_language_model
from tfseq.serving import export as export_module

from ..conftest import SETTINGS

PROMPTS = ["abc", "", "想要有", "the time machine ", "zzz<unk>", "ab", "cc"]
COLUMNS = {
    "max_new_tokens": np.int32([9, 32, 0, 32, 20, 32, 20]),
    "temperature": np.float32([1, 1.5, 1, 0.5, 3, 2, 1]),
    "top_k": np.int32([0, 0, 0, 3, 0, 5, 0]),
    "top_p": np.float32([1, 1, 1, 1, 0.9, 1, 0.95]),
    "seed": np.int64([0, 1, 2, -3, 2**63 - 1, 5, 6]),
}
OFF = {
    "min_p": np.zeros(7, "float32"),
    "repetition_penalty": np.ones(7, "float32"),
    "repetition_window": np.full(7, 64, "int32"),
    "frequency_penalty": np.zeros(7, "float32"),
}
CONTROLS = {
    "min_p": np.float32([0, 0, 0.2, 0.01, 0, 1, 0]),
    "repetition_penalty": np.float32([1.2, 1, 2, 1, 0.5, 1, 1]),
    "repetition_window": np.int32([4, 64, 0, 64, 7, 64, 64]),
    "frequency_penalty": np.float32([0, 0, 1, 0.5, 0, 0, 0]),
}
NONE = [[""]] * 7


@pytest.fixture(params=["char", pytest.param("word", marks=pytest.mark.slow)])
def language(request, exported):
    return exported("gru", {"char": 2, "word": 1}[request.param], request.param)


def test_equals_python(language):
    text = language.generator.generate("", 32, temperature=1.5, seed=1).completion
    stop = [["a", ""], [text[8:11], "\0"], *[["", ""]] * 3, [".", "machine went"], ["b", " "]]
    outputs = language.run("generate_controlled", prompt=PROMPTS, stop=stop, **COLUMNS, **CONTROLS)
    rows = language.generator.generate(PROMPTS, stop_strings=stop, **COLUMNS, **CONTROLS)
    assert outputs["text"].tolist() == [row.text.encode() for row in rows]
    assert outputs["completion"].tolist() == [row.completion.encode() for row in rows]
    assert outputs["num_tokens"].tolist() == [row.num_tokens for row in rows]
    assert outputs["stopped"].tolist() == [row.stopped for row in rows]
    assert outputs["warning"].tolist() == [b""] * 7
    assert outputs["stopped"][1]
    assert outputs["completion"][1].decode() == text[: text.index(text[8:11])]
    np.testing.assert_allclose(
        outputs["log_probability"], [row.log_probability for row in rows], rtol=1e-4, atol=1e-5
    )


@pytest.mark.everyday(1)
@pytest.mark.parametrize("plain", [False, True])
def test_off_is_generate(language, plain):
    settings = dict(COLUMNS)
    if plain:
        settings |= {"top_k": np.zeros(7, "int32"), "top_p": np.ones(7, "float32")}
    before = language.run("generate", prompt=PROMPTS, **settings)
    after = language.run("generate_controlled", prompt=PROMPTS, stop=NONE, **settings, **OFF)
    assert not after.pop("stopped").any()
    assert before.keys() == after.keys()
    for name, value in before.items():
        if name == "log_probability":
            np.testing.assert_allclose(after[name], value, rtol=1e-5)
        else:
            assert after[name].tolist() == value.tolist()


def test_what_is_out_of_range_is_clamped(exported):
    language = exported("gru", 2, "char")
    most = SETTINGS.max_prompt_bytes + SETTINGS.max_new_tokens
    wrong = {
        "min_p": np.float32([2, -1, np.nan, 0, 0, 0, 0]),
        "repetition_penalty": np.float32([1, 1, 1, 0, -np.inf, np.nan, 1e9]),
        "repetition_window": np.int32([64, -1, 2**31 - 1, most, 64, 64, 64]),
        "frequency_penalty": np.float32([0, 0, 0, np.inf, np.nan, -200, 0]),
    }
    used = {
        "min_p": np.float32([1, 0, 0, 0, 0, 0, 0]),
        "repetition_penalty": np.float32([1, 1, 1, 0.01, 0.01, 1, 100]),
        "repetition_window": np.int32([64, 0, most, most, 64, 64, 64]),
        "frequency_penalty": np.float32([0, 0, 0, 100, 0, -100, 0]),
    }
    stop = np.full([7, 5], b"", object)
    stop[0, 4], stop[1, 0], stop[2:, 1] = b"a", b"\xff", b"x" * 65
    kept = np.full([7, 4], b"", object)
    kept[1, 0], kept[2:, 1] = "\ufffd".encode(), b"x" * 64
    outputs = language.run("generate_controlled", prompt=PROMPTS, stop=stop, **COLUMNS, **wrong)
    expected = language.run("generate_controlled", prompt=PROMPTS, stop=kept, **COLUMNS, **used)
    warnings = [warning.decode() for warning in outputs.pop("warning")]
    assert not any(expected.pop("warning"))
    for name, value in expected.items():
        assert outputs[name].tolist() == value.tolist(), name
    assert warnings[0] == (
        "Of `stop` the first 4 strings only were used. "
        "`min_p` must be from 0 to 1. Received: 2; used: 1."
    )
    assert "repetition_window` must be from 0 to 96. Received: -1; used: 0." in warnings[1]
    assert "Of each `stop` the first 64 bytes only were used." in warnings[2]
    assert "`repetition_penalty` must be from 0.01 to 100. Received: 0; used: 0.01." in warnings[3]
    assert "`frequency_penalty` must be from -100 to 100. Received: inf; used: 100." in warnings[3]


@pytest.mark.slow
def test_a_row_does_not_depend_on_its_neighbours(language):
    stop = [["a", "."], *[["", "on"]] * 6]
    together = language.run("generate_controlled", prompt=PROMPTS, stop=stop, **COLUMNS, **CONTROLS)
    for r, prompt in enumerate(PROMPTS):
        inputs = {name: column[[r]] for name, column in (COLUMNS | CONTROLS).items()}
        alone = language.run("generate_controlled", prompt=[prompt], stop=[stop[r]], **inputs)
        for name in ("text", "num_tokens", "stopped"):
            assert alone[name][0] == together[name][r]


def export(parts, directory, **settings):
    """A version directory, not warmed up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_module, "LoaderProcess", contextlib.nullcontext)
        patch.setattr(export_module, "replay", lambda directory, loader: None)
        return export_language_model(*parts, directory, settings=ServingSettings(**settings))


@pytest.mark.slow
def test_banned_tokens_are_in_no_answer(loader, make_language, tmp_path):
    parts = make_language("gru", 1, "char")
    with pytest.raises(InputError, match="`banned_tokens` must be tokens of the vocabulary"):
        export(parts, tmp_path, banned_tokens=("a", "zz"))
    with pytest.raises(InputError, match="`banned_tokens` must leave a token"):
        export(parts, tmp_path, banned_tokens=parts[2].tokens)
    banned = ("a", "\n", "想", "<unk>")
    path = export(parts, tmp_path, banned_tokens=banned, max_new_tokens=32, num_next_tokens=99)
    loader.load(path)
    settings = {name: column.copy() for name, column in COLUMNS.items()}
    settings["temperature"][:] = 30
    texts = [
        loader.run(path, "serving_default", prompt=["x"])["text"],
        loader.run(path, "generate", prompt=PROMPTS, **settings)["completion"],
        loader.run(path, "generate_controlled", prompt=PROMPTS, stop=NONE, **settings, **CONTROLS)[
            "completion"
        ],
        loader.run(path, "beam_search", prompt=["x"], max_new_tokens=np.int32([9]))["texts"][0],
    ]
    written = set(b"".join(b"".join(column) for column in texts).decode())
    assert len(written) > 9
    assert not written & set(banned)
    tokens = loader.run(path, "next_token", prompt=["b"])["tokens"][0]
    left = {token.encode() for token in parts[2].tokens} - {token.encode() for token in banned}
    assert set(tokens) == left
    encoded = loader.run(path, "encode", text=["ab", "c"])
    ids = [parts[2].tokens.index(token) for token in banned]
    assert encoded["banned_ids"].tolist() == [ids, ids]
    card = json.loads((path / "assets.extra" / "model_card.json").read_text())
    assert card["settings"]["banned_tokens"] == list(banned)


@pytest.mark.slow
def test_generate_is_that_of_earlier_exports(loader, tmp_path):
    """The export that is shipped, made before, and one of the same weights made now."""
    earlier = Path(__file__).parents[3] / "exported" / "python_docs_gru" / "1"
    card = json.loads((earlier / "assets.extra" / "model_card.json").read_text())
    model = tfseq.LanguageModel.from_config(card["model"])
    for variable, value in zip(
        model.weights, tf.saved_model.load(str(earlier)).weights, strict=True
    ):
        variable.assign(value)
    vocabulary = tfseq.Vocabulary.load(earlier / "assets" / "vocabulary.txt")
    now = export((model, tfseq.CharTokenizer(), vocabulary), tmp_path)
    prompts = ["The value of ", "", "If the ", "想", "def f(x):\n", "a", "b"]
    answers = []
    for path in (earlier, now):
        loader.load(path)
        answers.append(loader.run(path, "generate", prompt=prompts, **COLUMNS))
    before, after = answers
    np.testing.assert_allclose(
        after.pop("log_probability"), before.pop("log_probability"), rtol=1e-5
    )
    for name, value in before.items():
        assert value.tolist() == after[name].tolist(), name
