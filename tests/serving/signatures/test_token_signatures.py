"""encode, decode, next_token, step and beam_search, run by the C API alone."""

import numpy as np
import pytest

import tfseq
from tfseq.serving.loader.loader_process import LoaderError
from tfseq.tasks.language_model.evaluation import Evaluator

from ..conftest import LANGUAGES
from .test_signatures import PROMPTS


@pytest.fixture(params=LANGUAGES)
def language(request, exported):
    return exported(*request.param)


def zero_states(language, count):
    inputs = language.signatures["step"]["inputs"]
    return {
        name: np.zeros([count, info["shape"][1]], "float32")
        for name, info in inputs.items()
        if name != "token_ids"
    }


def encoded(language, texts):
    outputs = language.run("encode", text=texts)
    return outputs["token_ids"], outputs["num_tokens"]


def log_softmax(logits):
    logits = logits.astype("float64")
    return (
        logits
        - np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1, keepdims=True))
        - (logits.max(-1, keepdims=True))
    )


@pytest.mark.parametrize("count", [1, 7])
def test_encode_equals_python(language, make_language, count, request):
    _, tokenizer, vocabulary = make_language(*request.node.callspec.params["language"])
    ids, num_tokens = encoded(language, PROMPTS[:count])
    expected = vocabulary.token_to_id(tokenizer.tokenize(PROMPTS[:count]))
    assert num_tokens.tolist() == expected.row_lengths().numpy().tolist()
    np.testing.assert_array_equal(ids, expected.to_tensor(0))


def test_an_emoji_of_several_characters_is_one_word_of_an_export(exported):
    texts = ["👍🏽 👩‍👩‍👧‍👦🇩🇪🇫🇷", "🏴󠁧󠁢󠁥󠁮󠁧󠁿1️⃣❤️", "🏳️‍🌈"]
    ids, num_tokens = encoded(exported("gru", 1, "word"), texts)
    assert num_tokens.tolist() == [4, 3, 1]
    assert not ids.any()


def test_decode_is_the_inverse_of_encode(exported):
    language = exported("gru", 2, "char")
    texts = ["abc", "", "想要有直升机", "a b\\c\td\n", "e.e"]
    ids, num_tokens = encoded(language, texts)
    decoded = language.run("decode", token_ids=ids, num_tokens=num_tokens)["text"]
    assert [text.decode() for text in decoded] == texts
    words = exported("gru", 1, "word")
    ids, num_tokens = encoded(words, ["the time , machine.", "it's on"])
    decoded = words.run("decode", token_ids=ids, num_tokens=num_tokens)["text"]
    assert [text.decode() for text in decoded] == ["the time <unk> machine.", "it's on"]


def test_decode_bounds_what_it_is_given(exported):
    language = exported("gru", 2, "char")
    ids = np.int32([[1, 2, 3], [-1, 999, 2**31 - 1], [-(2**31), 1, 1], [2, 2, 2]])
    decoded = language.run("decode", token_ids=ids, num_tokens=np.int32([-5, 2**31 - 1, 1, 2]))
    assert decoded["text"].tolist() == [b"", b"<unk><unk><unk>", b"<unk>", b"bb"]
    nothing = np.zeros([2, 0], "int32")
    decoded = language.run("decode", token_ids=nothing, num_tokens=np.int32([0, 7]))
    assert decoded["text"].tolist() == [b"", b""]
    with pytest.raises(LoaderError) as error:
        language.run("decode", token_ids=ids, num_tokens=np.int32([1, 1, 1]))
    assert error.value.code == 3


def test_n_steps_equal_one_pass(language):
    """The scorer reads the whole text at once; the client holds the state."""
    ids, num_tokens = encoded(language, PROMPTS)
    expected = language.run("score", text=PROMPTS)["token_log_probabilities"]
    states = zero_states(language, len(PROMPTS))
    for t in range(ids.shape[1] - 1):
        outputs = language.run("step", token_ids=ids[:, t], **states)
        assert set(outputs) == {"logits", *states}
        states = {name: outputs[name] for name in states}
        scores = log_softmax(outputs["logits"])[np.arange(len(ids)), ids[:, t + 1]]
        inside = t + 1 < num_tokens
        np.testing.assert_allclose(scores[inside], expected[inside, t], atol=1e-5)


def test_step_takes_any_id_and_any_state(exported):
    language = exported("gru", 2, "char")
    size = language.signatures["step"]["outputs"]["logits"]["shape"][1]
    states = zero_states(language, 6)
    states["state_1"][5] = np.nan
    outputs = language.run("step", token_ids=np.int32([0, -1, size, 10**6, size - 1, 1]), **states)
    for row in (1, 2, 3):
        np.testing.assert_array_equal(outputs["logits"][row], outputs["logits"][0])
    assert not np.array_equal(outputs["logits"][4], outputs["logits"][0])
    assert np.isfinite(outputs["logits"][:5]).all()
    with pytest.raises(LoaderError) as error:
        language.run("step", token_ids=np.int32([1, 1, 1, 1, 1]), **states)
    assert error.value.code == 3


def test_states_of_a_bfloat16_model_are_sent_as_float32(exported):
    language = exported("lstm", 2, "char", dtype="mixed_bfloat16")
    states = zero_states(language, 1)
    assert sorted(states) == ["state_0_c", "state_0_h", "state_1_c", "state_1_h"]
    outputs = language.run("step", token_ids=np.int32([1]), **states)
    assert {value.dtype.name for value in outputs.values()} == {"float32"}


@pytest.mark.parametrize("count", [1, 7])
def test_next_token_is_what_one_step_of_sampling_draws_from(
    language, count, make_language, request
):
    _, tokenizer, _ = make_language(*request.node.callspec.params["language"])
    outputs = language.run("next_token", prompt=PROMPTS[:count])
    tokens, probabilities = outputs["tokens"], outputs["probabilities"]
    assert tokens.shape == probabilities.shape == (count, 5)
    assert np.all(np.diff(probabilities) <= 0)
    assert b"<unk>" not in tokens
    for r, prompt in enumerate(PROMPTS[:count]):
        ids, num_tokens = encoded(language, [prompt])
        if not num_tokens[0]:
            continue
        states = zero_states(language, 1)
        for t in range(num_tokens[0]):
            step = language.run("step", token_ids=ids[:, t], **states)
            states = {name: step[name] for name in states}
        known = np.exp(log_softmax(step["logits"])[0, 1:])
        np.testing.assert_allclose(
            probabilities[r], np.sort(known / known.sum())[::-1][:5], atol=1e-5
        )
        greedy = language.generator.generate(prompt, 1, temperature=0)
        # A token that is a byte has a name.
        assert tokenizer.detokenize(tokens[r, :1]).numpy().decode() == greedy.completion


def test_next_token_after_nothing_is_the_output_layers_answer_to_zeros(exported, make_language):
    language = exported("gru", 2, "char")
    model, _, vocabulary = make_language("gru", 2, "char")
    logits = np.asarray(model.logits(np.zeros([1, 12], "float32")))[:, 1:]
    expected = np.exp(log_softmax(logits))[0]
    outputs = language.run("next_token", prompt=[""])
    np.testing.assert_allclose(outputs["probabilities"][0], np.sort(expected)[::-1][:5], atol=1e-5)
    assert outputs["tokens"][0, 0].decode() == vocabulary.tokens[1 + expected.argmax()]


@pytest.mark.parametrize("count", [1, 7])
def test_beam_search_equals_python(language, count):
    lengths = np.int32([9, 5, 0, 32, 7, 1, 20])[:count]
    outputs = language.run("beam_search", prompt=PROMPTS[:count], max_new_tokens=lengths)
    expected = language.generator.beam_search(PROMPTS[:count], lengths, beam_size=3)
    assert outputs["texts"].tolist() == [[b.text.encode() for b in row] for row in expected]
    np.testing.assert_allclose(
        outputs["log_probabilities"],
        [[b.log_probability for b in row] for row in expected],
        rtol=1e-4,
        atol=1e-5,
    )
    assert outputs["warning"].tolist() == [b""] * count


def test_beam_search_bounds_what_it_is_given(exported):
    language = exported("gru", 2, "char")
    prompts = [b"\xff\0" * 100, b"ab", b"ab"]
    lengths = np.int32([2, -7, 2**31 - 1])
    outputs = language.run("beam_search", prompt=np.array(prompts, object), max_new_tokens=lengths)
    assert outputs["warning"].tolist() == [
        b"Of `prompt` the model read the last 64 bytes only.",
        b"`max_new_tokens` must be from 0 to 32. Received: -7; used: 0.",
        b"`max_new_tokens` must be from 0 to 32. Received: 2147483647; used: 32.",
    ]
    assert outputs["texts"][0, 0].decode().startswith(prompts[0].decode("utf-8", "replace"))
    assert outputs["texts"][1].tolist() == [b"ab"] * 3
    assert [len(text.decode()) for text in outputs["texts"][2]] == [2 + 32] * 3


@pytest.mark.everyday(2)
def test_score_equals_the_evaluator_and_a_pass_of_twice_the_precision(
    language, make_language, request
):
    model, tokenizer, vocabulary = make_language(*request.node.callspec.params["language"])
    text = "the time machine, abcde 想要有直升机. " * 5
    ids = vocabulary.token_to_id(tokenizer.tokenize(text)).numpy()
    precise = tfseq.LanguageModel.from_config({**model.get_config(), "dtype": "float64"})
    precise.set_weights(model.get_weights())
    expected = np.take_along_axis(
        log_softmax(precise(ids[np.newaxis, :-1])[0].numpy()), ids[1:, np.newaxis], axis=1
    )
    outputs = language.run("score", text=[text, "a"])
    assert outputs["num_tokens"].tolist() == [len(ids) - 1, 0]
    np.testing.assert_allclose(
        outputs["token_log_probabilities"][0], expected[:, 0], rtol=1e-4, atol=1e-5
    )
    perplexity = np.exp(-expected.mean())
    np.testing.assert_allclose(outputs["perplexity"], [perplexity, 1], rtol=1e-5)
    evaluation = Evaluator(model)(ids)
    assert evaluation.num_tokens == len(ids) - 1
    np.testing.assert_allclose(evaluation.perplexity, perplexity, rtol=1e-5)


@pytest.mark.parametrize(
    ("language", "count"),
    [
        (("lstm", 1, "char"), 2),
        (("gru", 2, "char"), 16),
        pytest.param(("rnn", 2, "word"), 33, marks=pytest.mark.slow),
        (("gru", 1, "word"), 64),
        (("lstm", 1, "char"), 64),
    ],
)
def test_any_row_alone_and_in_a_batch_gives_the_same(exported, language, count):
    """Prompts, settings and `max_new_tokens` of the neighbours differ; padding repeats a row."""
    language = exported(*language)
    rng = np.random.default_rng(count)
    prompts = ["".join(rng.choice([*"abcde想 \n"], rng.integers(0, 40))) for _ in range(count)]
    prompts[-1] = prompts[0]
    settings = {
        "max_new_tokens": rng.integers(0, 33, count).astype("int32"),
        "temperature": rng.choice([0, 0.5, 1, 2], count).astype("float32"),
        "top_k": rng.integers(0, 9, count).astype("int32"),
        "top_p": rng.choice([0.5, 0.9, 1], count).astype("float32"),
        "seed": rng.integers(0, 2**62, count),
    }
    for column in settings.values():
        column[-1] = column[0]
    together = language.run("generate", prompt=prompts, **settings)
    scores = language.run("score", text=prompts)
    beams = language.run("beam_search", prompt=prompts, max_new_tokens=settings["max_new_tokens"])
    assert together["text"][-1] == together["text"][0]
    for r in sorted({0, 1, *rng.integers(0, count, 6).tolist()}):
        row = {name: column[[r]] for name, column in settings.items()}
        alone = language.run("generate", prompt=[prompts[r]], **row)
        assert alone["text"][0] == together["text"][r]
        np.testing.assert_allclose(
            alone["log_probability"][0], together["log_probability"][r], rtol=1e-4, atol=1e-4
        )
        alone = language.run("score", text=[prompts[r]])
        np.testing.assert_allclose(
            alone["log_probability"][0], scores["log_probability"][r], rtol=1e-4, atol=1e-4
        )
        alone = language.run(
            "beam_search", prompt=[prompts[r]], max_new_tokens=row["max_new_tokens"]
        )
        assert alone["texts"][0].tolist() == beams["texts"][r].tolist()
