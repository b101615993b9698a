"""Beam search against enumeration of every continuation."""

import itertools

import numpy as np
import pytest
from lively_weights import draw_weights

import tfseq
from tfseq.generation import TextGenerator

SYMBOLS = "abcd想"
PROMPTS = ["ab", "", "想a?c"]


@pytest.fixture(scope="module", params=["rnn", "gru", "lstm"])
def generator(request):
    vocabulary = tfseq.Vocabulary([*SYMBOLS])
    model = tfseq.LanguageModel(len(vocabulary), cell=request.param, units=7, num_layers=2)
    draw_weights(model, seed=5, scale=1.5)
    return TextGenerator(model, tfseq.CharTokenizer(), vocabulary)


def all_continuations(generator, prompt, num_tokens):
    """Every continuation and its log probability by the scorer, the most probable first."""
    completions = ["".join(symbols) for symbols in itertools.product(SYMBOLS, repeat=num_tokens)]
    scores = generator.score([prompt + completion for completion in completions])
    totals = [float(s.token_log_probabilities[len(prompt) - 1 :].sum()) for s in scores]
    return sorted(zip(totals, completions, strict=True), reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize("prompt", ["ab", "想a?c"])
def test_two_steps_with_a_beam_as_wide_as_the_vocabulary_find_the_optimum(generator, prompt):
    size = len(SYMBOLS) + 1
    best = all_continuations(generator, prompt, 2)
    beams = generator.beam_search(prompt, 2, beam_size=size)
    assert beams[0].completion == best[0][1]
    assert [b.completion for b in beams] == [completion for _, completion in best[:size]]
    np.testing.assert_allclose(
        [b.log_probability for b in beams],
        [total for total, _ in best[:size]],
        rtol=1e-5,
        atol=1e-6,
    )
    assert all(b.text == prompt + b.completion for b in beams)


@pytest.mark.slow
def test_a_wide_beam_finds_every_continuation_in_order(generator):
    best = all_continuations(generator, "ab", 3)
    beams = generator.beam_search("ab", 3, beam_size=len(best))
    np.testing.assert_allclose(
        [b.log_probability for b in beams], [total for total, _ in best], rtol=1e-4, atol=1e-6
    )
    assert {b.completion for b in beams} == {completion for _, completion in best}


@pytest.mark.slow
def test_a_beam_of_one_is_greedy(generator):
    for prompt in PROMPTS:
        greedy = generator.generate(prompt, 12, temperature=0)
        (beam,) = generator.beam_search(prompt, 12, beam_size=1)
        assert beam.completion == greedy.completion
        assert beam.log_probability == pytest.approx(greedy.log_probability, rel=1e-4)


@pytest.mark.everyday(2)
def test_rows_keep_their_own_length_and_their_text(generator):
    lengths = [4, 0, 9]
    together = generator.beam_search(PROMPTS, lengths, beam_size=3)
    for prompt, length, row in zip(PROMPTS, lengths, together, strict=True):
        alone = generator.beam_search(prompt, length, beam_size=3)
        assert [b.text for b in row] == [b.text for b in alone]
        assert all(len(b.completion) == b.num_tokens == length for b in row)
        scores = [b.log_probability for b in row]
        assert scores == sorted(scores, reverse=True)
        np.testing.assert_allclose(scores, [b.log_probability for b in alone], rtol=1e-4, atol=1e-6)


@pytest.mark.everyday(1)
def test_places_without_a_continuation_hold_the_best(generator):
    for length, count in ((0, 1), (1, len(SYMBOLS))):
        beams = generator.beam_search("ab", length, beam_size=8)
        assert len(beams) == 8
        assert len({b.completion for b in beams}) == count
        assert beams[count:] == [beams[0]] * (8 - count)
        assert all(np.isfinite(b.log_probability) for b in beams)


@pytest.mark.everyday(1)
def test_unknown_is_found_only_where_it_is_allowed(generator):
    size = len(SYMBOLS) + 1
    without = {b.completion for b in generator.beam_search("ab", 1, size)}
    with_unknown = {b.completion for b in generator.beam_search("ab", 1, size, allow_unknown=True)}
    assert with_unknown - without == {"<unk>"}


@pytest.mark.everyday(1)
def test_wrong_settings(generator):
    with pytest.raises(ValueError, match="`beam_size` must be a positive integer"):
        generator.beam_search("ab", 1, beam_size=0)
    with pytest.raises(ValueError, match="`max_new_tokens` must be an integer from 0"):
        generator.beam_search("ab", -1)
    with pytest.raises(ValueError, match="one for each of the 2 prompts"):
        generator.beam_search(["ab", "a"], [1, 2, 3])


def test_equally_probable_symbols_come_in_the_order_of_their_ids():
    """A model that knows nothing: every continuation has the same probability."""
    vocabulary = tfseq.Vocabulary([*"abcdefghijklmnopqrstuvw"])
    model = tfseq.LanguageModel(len(vocabulary), units=4)
    model.set_weights([np.zeros(w.shape) for w in model.get_weights()])
    generator = TextGenerator(model, tfseq.CharTokenizer(), vocabulary)
    for beams in generator.beam_search(["ab"] * 5, 3, beam_size=4):
        assert [b.completion for b in beams] == ["aaa", "aab", "aac", "aad"]
        np.testing.assert_allclose([b.log_probability for b in beams], -3 * np.log(24), rtol=1e-6)


@pytest.mark.slow
def test_symbols_are_ranked_by_logits_that_differ_by_less_than_their_logarithms_can_show():
    """log p is near −20, where float32 knows steps of 2e-6; the logits differ by 1e-7."""
    vocabulary = tfseq.Vocabulary([*"abc"])
    model = tfseq.LanguageModel(len(vocabulary), units=4)
    model.set_weights([np.zeros(w.shape) for w in model.get_weights()])
    model.output_bias.assign(np.float32([20, 0, 1e-7, 2e-7]))
    generator = TextGenerator(model, tfseq.CharTokenizer(), vocabulary)
    beams = generator.beam_search("ab", 1, beam_size=3)
    assert [b.completion for b in beams] == ["c", "b", "a"]
    assert generator.generate("ab", 1, temperature=0).completion == "c"
