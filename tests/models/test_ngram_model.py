"""The count model, beside KenLM's figures and the formulas written with fractions."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import plain_ngrams
from models.kenlm_texts import TEXTS
from tfseq import InputError, NGramModel

FIGURES = json.loads(Path(__file__).with_name("kenlm_figures.json").read_text())
SMOOTHINGS = ("kneser_ney", "laplace", "maximum_likelihood")
each_smoothing = pytest.mark.parametrize("smoothing", SMOOTHINGS)


@st.composite
def texts(draw):
    """A text, the number of ids, an order, and a context that need not occur."""
    size = draw(st.integers(1, 6))
    token = st.integers(0, size - 1)
    ids = draw(st.lists(token, min_size=1, max_size=60))
    return ids, size, draw(st.integers(1, 5)), draw(st.lists(token, max_size=6))


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("name", FIGURES)
def test_kneser_ney_agrees_with_kenlm(name, place):
    """KenLM ends the text with a token of its own, and computes in 32 bits.

    It takes one n-gram of each shorter length, the last it comes upon, into the counts of counts
    with the number of its occurrences in place of its continuation count. Among the few pairs of
    letters that one moves the discounts a little; elsewhere it is lost in rounding.
    """
    text, figures = TEXTS[name](), FIGURES[name][place]
    if text is None:
        pytest.skip("the corpus time_machine is not in the cache")
    train, validation, end = text
    model = NGramModel(figures["order"]).fit([*train, end], vocabulary_size=end + 1)
    few = name.endswith("characters")
    ours = model.log_probabilities(validation)
    np.testing.assert_allclose(
        ours[:40] / math.log(10), figures["first_log10"], atol=3e-3 if few else 2e-6
    )
    assert model.perplexity(validation) == pytest.approx(
        figures["perplexity"], rel=1e-4 if few else 1e-6
    )
    assert len(validation) == figures["num_tokens"]
    assert list(model.fallback_lengths) == figures["fallback_lengths"]


@settings(max_examples=60)
@given(texts(), st.sampled_from(SMOOTHINGS))
def test_probabilities_are_those_of_the_formulas_and_sum_to_one(text, smoothing):
    ids, size, order, context = text
    model = NGramModel(order, smoothing).fit(ids, size)
    found = model.probabilities(context)
    plain = getattr(plain_ngrams, smoothing)
    expected = [float(plain(ids, order, size, context, token)) for token in range(size)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert found.min() > 0 or smoothing == "maximum_likelihood"


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@each_smoothing
def test_probabilities_sum_to_one_after_what_occurs_and_what_does_not(smoothing, order):
    train, validation, size = TEXTS["made"]()
    model = NGramModel(order, smoothing).fit(train, size)
    chance = np.random.default_rng(order)
    contexts = [validation[i : i + 6] for i in chance.integers(0, len(validation), 30)]
    contexts += [train[i : i + 6] for i in chance.integers(0, len(train), 30)]
    contexts += [chance.integers(0, size, 6) for _ in range(30)]
    for context in contexts:
        probabilities = model.probabilities(context)
        assert probabilities.min() >= 0
        assert probabilities.sum() == pytest.approx(1, abs=1e-10)


@settings(max_examples=40)
@given(texts(), st.sampled_from(SMOOTHINGS), st.data())
def test_a_text_is_scored_token_by_token(text, smoothing, data):
    ids, size, order, context = text
    scored = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=12))
    model = NGramModel(order, smoothing).fit(ids, size)
    whole = model.log_probabilities(scored, context)
    with np.errstate(divide="ignore"):
        one_by_one = [
            np.log(model.probabilities([*context, *scored[:place]])[token])
            for place, token in enumerate(scored)
        ]
    np.testing.assert_allclose(whole, one_by_one, rtol=1e-12, atol=1e-12)
    cut = data.draw(st.integers(0, len(scored)))
    in_two = [
        *model.log_probabilities(scored[:cut], context),
        *model.log_probabilities(scored[cut:], context + scored[:cut]),
    ]
    np.testing.assert_array_equal(whole, in_two)


def test_a_long_text_is_scored_as_its_parts():
    """It is longer than what is looked up at a time."""
    ids = np.random.default_rng(0).integers(0, 7, 300_000).astype("uint8")
    model = NGramModel(3).fit(ids[:5000], 7)
    whole = model.log_probabilities(ids)
    part = model.log_probabilities(ids[250_000:], ids[:250_000])
    np.testing.assert_array_equal(whole[250_000:], part)
    assert model.perplexity(ids) == pytest.approx(math.exp(-whole.mean()))


def test_what_was_never_seen():
    ids = [1, 2, 1, 2, 1]
    never = NGramModel(2, "maximum_likelihood").fit(ids, 4)
    assert never.perplexity([1, 3]) == math.inf
    assert NGramModel(2, "laplace").fit(ids, 4).probabilities([3]).tolist() == [0.25] * 4
    # Of two followers of 1 both are 2; a pseudocount of 1/2 for each of 4 ids makes 2.5 of 4.
    half = NGramModel(2, "laplace", pseudocount=0.5).fit(ids, 4)
    assert half.probabilities([1]).tolist() == [0.125, 0.125, 0.625, 0.125]
    assert NGramModel(2).fit(ids, 4).probabilities([1]).min() > 0


def test_an_order_more_than_the_text_has_tokens():
    model = NGramModel(9).fit([0, 1], 2)
    assert model.probabilities([1, 0, 1, 0, 1, 0, 1, 0]).sum() == pytest.approx(1)
    assert model.fallback_lengths == tuple(range(1, 10))


def test_discounts_of_a_text_that_has_its_own():
    train, _, size = TEXTS["made"]()
    model = NGramModel(3).fit(train, size)
    counts = [plain_ngrams.continuation_counts(train.tolist(), n, 3) for n in (1, 2, 3)]
    expected = [[float(d) for d in plain_ngrams.discounts(count)[1:]] for count in counts]
    np.testing.assert_allclose(model.discounts, expected, rtol=1e-12)
    assert model.fallback_lengths == (1,)
    assert model.discounts[0].tolist() == [0.5, 1, 1.5]


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_samples_follow_the_probabilities(temperature):
    ids = np.random.default_rng(1).integers(0, 5, 400)
    model = NGramModel(2).fit(ids, 5)
    text = model.sample(20_000, [3], seed=2, temperature=temperature, allow_unknown=True)
    after_one = text[1:][text[:-1] == 1]
    expected = model.probabilities([1]) ** (1 / temperature)
    expected /= expected.sum()
    found = np.bincount(after_one, minlength=5) / len(after_one)
    deviation = np.sqrt(expected * (1 - expected) / len(after_one))
    assert np.all(np.abs(found - expected) < 4 * deviation)


def test_samples_are_seeded_and_leave_out_the_unknown():
    ids = np.array([0, 0, 0, 1, 0, 2, 0, 1, 2] * 20)
    model = NGramModel(3).fit(ids, 3)
    one, two = (model.sample(200, seed=seed) for seed in (1, 2))
    np.testing.assert_array_equal(one, model.sample(200, seed=1))
    assert not np.array_equal(one, two)
    assert 0 not in one
    assert 0 in model.sample(200, seed=1, allow_unknown=True)
    bold = model.sample(30, [0, 1], temperature=0, allow_unknown=True)
    text = [0, 1]
    for token in bold.tolist():
        assert token == model.probabilities(text).argmax()
        text.append(token)
    assert model.sample(5, temperature=1e-6).shape == (5,)


def test_nothing_but_the_unknown_can_follow():
    model = NGramModel(2, "maximum_likelihood").fit([1, 0, 1, 0], 2)
    with pytest.raises(ValueError, match="Only `<unk>` can follow"):
        model.sample(1, [1])


@each_smoothing
def test_saved_and_loaded(smoothing, tmp_path):
    train, validation, size = TEXTS["made"]()
    model = NGramModel(3, smoothing, pseudocount=0.1).fit(train[:3000], size)
    model.save(tmp_path / "model.npz")
    loaded = NGramModel.load(tmp_path / "model.npz")
    assert loaded.get_config() == model.get_config()
    assert loaded.vocabulary_size == size
    np.testing.assert_array_equal(
        loaded.log_probabilities(validation), model.log_probabilities(validation)
    )
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


def test_files_that_are_no_model(tmp_path):
    path = tmp_path / "model.npz"
    NGramModel(2).fit([1, 2, 1], 3).save(path)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    for content in (b"", b"text", whole[: len(whole) // 2], bytes(damaged)):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is not an n-gram model, or is damaged"):
            NGramModel.load(path)
    np.savez(path, ids=np.arange(3))
    with pytest.raises(InputError, match="is not an n-gram model"):
        NGramModel.load(path)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        NGramModel.load(tmp_path / "nowhere.npz")


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (
            lambda: NGramModel(0),
            ValueError,
            "`order` must be a positive integer. Received: order=0",
        ),
        (lambda: NGramModel(2.0), ValueError, "Received: order=2.0"),
        (lambda: NGramModel(2, "witten_bell"), ValueError, "`smoothing` must be one of kneser_ney"),
        (lambda: NGramModel(2, pseudocount=0), ValueError, "`pseudocount` must be a positive"),
        (lambda: NGramModel().fit([]), ValueError, "at least one token"),
        (lambda: NGramModel().fit([[1]]), TypeError, r"Received: shape \(1, 1\)"),
        (lambda: NGramModel().fit([0.5]), TypeError, "dtype float64"),
        (lambda: NGramModel().fit([3], 3), ValueError, "from 0 to 2. Received: 3 to 3"),
        (lambda: NGramModel().fit([-1]), ValueError, "Received: -1 to -1"),
        (lambda: NGramModel().probabilities(), ValueError, "call `fit` first"),
        (lambda: NGramModel().fit([1]).probabilities([2]), ValueError, "from 0 to 1"),
        (lambda: NGramModel().fit([1]).perplexity([]), ValueError, "at least one token"),
        (lambda: NGramModel().fit([1]).sample(-1), ValueError, "`num_tokens` must be zero or"),
        (lambda: NGramModel().fit([1]).sample(1, temperature=-1), ValueError, "`temperature`"),
    ],
)
def test_wrong_arguments(build, error, words):
    with pytest.raises(error, match=words):
        build()


def test_it_needs_numpy_alone():
    code = "import sys, tfseq; tfseq.NGramModel; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n", done.stderr
