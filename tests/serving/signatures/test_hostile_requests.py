"""No row fails a request: whatever it holds is clamped, cut or replaced, and said so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.serving.loader.loader_process import LoaderError

from ..conftest import SETTINGS

HOSTILE = [
    b"",
    b"\0",
    b"a\0b\0",
    b"\xff\xfe\x80",
    b"\xed\xa0\x80",
    b"ab\xf0\x9f\x91",
    "👩‍👩‍👧‍👦 e\u0301\u0302 \u202eשלום\u202c".encode(),
    b"<unk>",
    b"z" * 1_000_000,
    b"\x80" * 1_000_000,
    "想".encode() * 400_000,
    b" \n" * 100_000,
]
PLAIN = {"max_new_tokens": 3, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 0}
DTYPES = {
    "max_new_tokens": "int32",
    "temperature": "float32",
    "top_k": "int32",
    "top_p": "float32",
    "seed": "int64",
}


def generate(language, prompts, **changes):
    rows = {
        name: np.broadcast_to(np.asarray(changes.get(name, value), DTYPES[name]), len(prompts))
        for name, value in PLAIN.items()
    }
    return language.run("generate", prompt=np.array(prompts, object), **rows)


@pytest.fixture(params=["char", "word"])
def language(request, exported):
    return exported("gru", 2 if request.param == "char" else 1, request.param)


def test_any_bytes_are_answered(language):
    prompts = [*HOSTILE, b"ab"]
    outputs = generate(language, prompts)
    for prompt, text, warning in zip(prompts, outputs["text"], outputs["warning"], strict=True):
        assert text.decode().startswith(prompt.decode("utf-8", "replace").rstrip())
        cut = b"Of `prompt` the model read the last 64 bytes only."
        assert warning == (cut if len(prompt) > 64 else b"")
    # The neighbours changed nothing for the last row.
    assert outputs["text"][-1] == generate(language, [b"ab"])["text"][0]

    outputs = language.run("score", text=np.array(prompts, object))
    assert np.all(np.isfinite(outputs["log_probability"]))
    assert outputs["num_tokens"].max() <= SETTINGS.max_score_bytes
    for prompt, warning in zip(prompts, outputs["warning"], strict=True):
        assert warning == (
            b"Of `text` the first 256 bytes only were scored." if len(prompt) > 256 else b""
        )

    outputs = language.run("serving_default", prompt=np.array(prompts, object))
    settings = {
        "max_new_tokens": SETTINGS.default_max_new_tokens,
        "temperature": SETTINGS.default_temperature,
    }
    assert outputs["text"].tolist() == generate(language, prompts, **settings)["text"].tolist()


def test_only_the_end_of_a_long_prompt_is_read(exported):
    language = exported("gru", 2, "char")
    end = "想要有直升机" * 3
    long, same, other = generate(
        language, [("a" * 1000 + end).encode(), ("b" * 10 + end).encode(), end[-2:].encode()]
    )["completion"]
    expected = language.generator.generate("a" * 10 + end, 3).completion
    assert long.decode() == expected
    cut_in_a_character = generate(language, [("想" * 100).encode()])["completion"][0].decode()
    assert cut_in_a_character == language.generator.generate("想" * 21, 3).completion
    assert same
    assert other


def test_only_the_beginning_of_a_long_text_is_scored(exported):
    language = exported("gru", 2, "char")
    outputs = language.run("score", text=["想要有" * 100, "想"])
    expected = language.generator.score(("想要有" * 100)[:85])
    assert outputs["num_tokens"].tolist() == [84, 0]
    np.testing.assert_allclose(outputs["perplexity"], [expected.perplexity, 1], rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "value", "used", "warning"),
    [
        ("max_new_tokens", -5, 0, "`max_new_tokens` must be from 0 to 32. Received: -5; used: 0."),
        ("max_new_tokens", 2**31 - 1, 32, "Received: 2147483647; used: 32."),
        ("max_new_tokens", -(2**31), 0, "Received: -2147483648; used: 0."),
        ("temperature", np.nan, 1, "`temperature` must be from 0 to 100. Received: nan; used: 1."),
        ("temperature", np.inf, 100, "Received: inf; used: 100."),
        ("temperature", -np.inf, 0, "Received: -inf; used: 0."),
        ("temperature", -1, 0, "Received: -1; used: 0."),
        ("temperature", 3e38, 100, "used: 100."),
        ("top_k", -1, 0, "`top_k` must be from 0 to 17. Received: -1; used: 0."),
        ("top_k", 2**31 - 1, 17, "used: 17."),
        ("top_p", np.nan, 1, "`top_p` must be from 0 to 1. Received: nan; used: 1."),
        ("top_p", 1.5, 1, "Received: 1.5; used: 1."),
        ("top_p", -0.5, 0, "Received: -0.5; used: 0."),
    ],
)
def test_numbers_out_of_range_are_clamped_and_said(exported, name, value, used, warning):
    language = exported("gru", 2, "char")
    outputs = generate(language, [b"ab", b"ab"], **{name: [value, PLAIN[name]]})
    assert warning in outputs["warning"][0].decode()
    assert outputs["warning"][1] == b""
    expected = generate(language, [b"ab"], **{name: used})
    assert outputs["text"][0] == expected["text"][0]
    assert outputs["text"][1] == generate(language, [b"ab"])["text"][0]


def test_all_warnings_of_a_row_are_given(exported):
    outputs = generate(
        exported("gru", 2, "char"),
        [b"a" * 65],
        max_new_tokens=-1,
        temperature=-1,
        top_k=-1,
        top_p=-1,
    )
    assert outputs["warning"][0].decode() == (
        "Of `prompt` the model read the last 64 bytes only. "
        "`max_new_tokens` must be from 0 to 32. Received: -1; used: 0. "
        "`temperature` must be from 0 to 100. Received: -1; used: 0. "
        "`top_k` must be from 0 to 17. Received: -1; used: 0. "
        "`top_p` must be from 0 to 1. Received: -1; used: 0."
    )


def test_a_wrong_shape_is_an_invalid_argument(exported):
    language = exported("gru", 2, "char")
    for shape in ([], [0, 0, 1], [1, 1], [2, 0]):
        prompt = np.full(shape, b"a", object)
        for signature in ("serving_default", "next_token"):
            with pytest.raises(LoaderError) as error:
                language.run(signature, prompt=prompt)
            assert error.value.code == 3
        with pytest.raises(LoaderError) as error:
            language.run("beam_search", prompt=prompt, max_new_tokens=np.int32([1]))
        assert error.value.code == 3
    with pytest.raises(LoaderError) as error:
        language.run("score", text=np.array([[b"a"], [b"b"]], object))
    assert error.value.code == 3
    settings = {name: np.array([1, 1], DTYPES[name]) for name in PLAIN}
    with pytest.raises(LoaderError) as error:
        language.run("generate", prompt=[b"a", b"b", b"c"], **settings)
    assert error.value.code == 3


@given(st.data())
@settings(max_examples=60)
def test_any_request_is_answered_and_a_row_keeps_its_text(exported, data):
    language = exported("gru", 2, "char")
    integers = st.integers(-(2**31), 2**31 - 1) | st.sampled_from([0, 1, 5, 40])
    floats = st.floats(width=32) | st.sampled_from([0.0, 1e-45, 1e-38, 0.5, 1.0])
    row = st.tuples(
        st.binary(max_size=100) | st.text("abcz想要\n", max_size=40).map(str.encode),
        integers,
        floats,
        integers,
        floats,
        st.integers(-(2**63), 2**63 - 1),
    )
    rows = data.draw(st.lists(row, min_size=1, max_size=9))

    def ask(rows):
        prompts, *columns = zip(*rows, strict=True)
        return generate(language, prompts, **dict(zip(PLAIN, columns, strict=True)))

    together = ask(rows)
    alone = ask(rows[:1])
    assert together["text"][0] == alone["text"][0]
    assert together["warning"][0] == alone["warning"][0]
    for r, (prompt, *_) in enumerate(rows):
        text = together["text"][r].decode()
        assert text == prompt.decode("utf-8", "replace") + together["completion"][r].decode()
        assert len(together["completion"][r].decode()) == together["num_tokens"][r] <= 32
        assert np.isfinite(together["log_probability"][r])
