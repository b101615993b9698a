"""Stop tokens and filters against loops in NumPy and against enumeration."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import tfseq
from tfseq.generation import TextGenerator, gumbel_noise

from .test_sampling import reference_sample

TOKENS = ("<unk>", *"abcd\n")
PROMPTS = ["ab", "", "d\nc"]
INFINITY = float("inf")


@pytest.fixture(scope="module")
def model(make_model):
    return make_model(len(TOKENS), "gru", 2)


@pytest.fixture(scope="module")
def generator(model):
    return TextGenerator(model, tfseq.CharTokenizer(), tfseq.Vocabulary(TOKENS))


def no_b(logits, new_ids):
    return logits + tf.constant([0, 0, -INFINITY, 0, 0, 0])


def fewer_repetitions(logits, new_ids):
    """Two less for each time that a token has been added."""
    return logits - 2 * tf.reduce_sum(tf.one_hot(new_ids, len(TOKENS)), axis=1)


def written_by_definition(model, prompt, count, temperature, top_k, top_p, seed, stop, filter):
    """Text, number of tokens and log probability, from a whole pass for every token."""
    noise = gumbel_noise(tf.constant([seed], tf.int64), 0, count, len(TOKENS))[0].numpy()
    read = [TOKENS.index(character) for character in prompt]
    added, log_probability = [], 0.0
    for step_noise in noise:
        if read + added:
            logits = model(np.int32([read + added])).numpy()[0, -1]
        else:
            logits = model.logits(tf.zeros([1, model.hidden_size])).numpy()[0]
        allowed = np.where(np.arange(len(TOKENS)) == 0, -np.inf, logits)
        if filter is not None:
            allowed = filter(allowed[np.newaxis], np.int32([added]))
            allowed = np.asarray(allowed, "float64")[0]
        token = reference_sample(allowed, step_noise, temperature, top_k, top_p)
        log_probability += logits[token] - np.log(np.exp(logits.astype("float64")).sum())
        added.append(token)
        if TOKENS[token] in stop:
            break
    return prompt + "".join(TOKENS[i] for i in added), len(added), log_probability


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filter", "stop", "top_k", "top_p"),
    [
        (None, "\nc", 0, 1.0),
        (None, "\n", 3, 0.75),
        (no_b, "", 0, 0.75),
        (fewer_repetitions, "\n", 0, 1.0),
        (fewer_repetitions, "", 3, 1.0),
    ],
)
def test_equals_a_loop_in_numpy(model, generator, filter, stop, top_k, top_p):
    count, temperature, seeds = 12, [1.0, 0.5, 2.0], [4, 5, 6]
    rows = generator.generate(
        PROMPTS,
        count,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seeds,
        stop=[*stop],
        filter=filter,
    )
    for row, *settings in zip(rows, PROMPTS, temperature, seeds, strict=True):
        prompt, t, seed = settings
        text, num_tokens, log_probability = written_by_definition(
            model, prompt, count, t, top_k, np.float64(top_p), seed, stop, filter
        )
        assert (row.text, row.num_tokens) == (text, num_tokens)
        assert row.log_probability == pytest.approx(log_probability, abs=1e-4)


@pytest.mark.slow
def test_a_stop_ends_each_row_where_it_is_drawn_and_nothing_else_changes(generator):
    prompts, seeds = ["ab"] * 20, range(20)
    whole = generator.generate(prompts, 30, seed=seeds)
    ended = generator.generate(prompts, 30, seed=seeds, stop="\n")
    for row, full in zip(ended, whole, strict=True):
        line, newline, _ = full.completion.partition("\n")
        assert row.completion == line + newline
        assert row.num_tokens == len(row.completion)
        both = generator.score([row.text, "ab"])
        expected = both[0].log_probability - both[1].log_probability
        assert row.log_probability == pytest.approx(expected, abs=1e-3)
    assert len({row.num_tokens for row in ended}) > 3


def test_no_step_is_taken_after_the_last_row_has_ended(generator):
    steps = tf.Variable(0)

    def count(logits, new_ids):
        steps.assign_add(1)
        return logits

    rows = generator.generate(PROMPTS, 500, seed=[1, 2, 3], stop="\n", filter=count)
    assert int(steps) == max(row.num_tokens for row in rows) < 500


@pytest.mark.slow
def test_the_filter_is_given_the_ids_added_so_far(generator):
    def alphabet(logits, new_ids):
        place = tf.fill(tf.shape(logits)[:1], 1 + tf.shape(new_ids)[1])
        copy = tf.cond(
            tf.shape(new_ids)[1] < 3, lambda: place, lambda: tf.gather(new_ids, 1, axis=1)
        )
        return tf.where(tf.one_hot(copy, len(TOKENS)) > 0, logits, -INFINITY)

    rows = generator.generate(PROMPTS, [5, 0, 4], filter=alphabet)
    assert [row.completion for row in rows] == ["abcbb", "", "abcb"]
    beams = generator.beam_search("ab", 5, beam_size=2, filter=alphabet)
    assert [beam.completion for beam in beams] == ["abcbb"] * 2


@pytest.mark.slow
def test_a_forbidden_token_is_not_written_by_any_way_of_choosing(generator):
    settings = {"temperature": 5.0, "seed": range(12)}
    for filter, written in ((no_b, False), (None, True)):
        rows = generator.generate(["b"] * 12, 20, filter=filter, **settings)
        assert any("b" in row.completion for row in rows) == written
    greedy = generator.generate("ab", 8, temperature=0, filter=no_b)
    (beam,) = generator.beam_search("ab", 8, beam_size=1, filter=no_b)
    assert "b" not in greedy.completion
    assert beam.completion == greedy.completion


@pytest.mark.slow
def test_unknown_is_not_written_though_a_filter_prefers_it(generator):
    def unknown(logits, new_ids):
        return 100 * tf.one_hot(tf.zeros_like(logits[:, 0], tf.int32), len(TOKENS))

    for row in generator.generate(["ab"] * 3, 9, temperature=[0, 1, 2], top_k=2, filter=unknown):
        assert len(row.completion) == 9
    text = generator.generate("ab", 4, filter=unknown, allow_unknown=True).completion
    assert text == "<unk>" * 4


def all_lines(generator, prompt, symbols, most_tokens):
    """Every continuation up to a newline or so long, and its log probability by the scorer."""
    lines = [
        "".join(line)
        for n in range(most_tokens)
        for line in itertools.product(symbols, repeat=n + 1)
        if "\n" not in line[:-1] and (line[-1] == "\n" or n + 1 == most_tokens)
    ]
    scores = generator.score([prompt + line for line in lines])
    totals = [float(s.token_log_probabilities[len(prompt) - 1 :].sum()) for s in scores]
    return sorted(zip(totals, lines, strict=True), reverse=True)


@pytest.mark.everyday(1)
@pytest.mark.parametrize(("filter", "symbols"), [(None, "abcd\n"), (no_b, "acd\n")])
def test_a_wide_beam_finds_every_line_in_order(generator, filter, symbols):
    best = all_lines(generator, "ab", symbols, 3)
    beams = generator.beam_search("ab", 3, beam_size=len(best), stop="\n", filter=filter)
    assert {beam.completion for beam in beams} == {line for _, line in best}
    np.testing.assert_allclose(
        [beam.log_probability for beam in beams], [total for total, _ in best], rtol=1e-4
    )
    assert all(beam.num_tokens == len(beam.completion) for beam in beams)
    assert all(beam.text == "ab" + beam.completion for beam in beams)


@pytest.mark.slow
def test_beams_of_a_batch_end_where_they_end_alone(generator):
    together = generator.beam_search(PROMPTS, [6, 3, 0], beam_size=4, stop=["\n", "d"])
    for prompt, length, beams in zip(PROMPTS, [6, 3, 0], together, strict=True):
        alone = generator.beam_search(prompt, length, beam_size=4, stop=["d", "\n"])
        assert [beam[:3] for beam in beams] == [beam[:3] for beam in alone]
        for beam in beams:
            assert not set(beam.completion[:-1]) & set("\nd")
    assert len({beam.num_tokens for beams in together for beam in beams}) > 2


def test_what_is_refused(generator):
    with pytest.raises(
        ValueError, match=r"`stop` must be tokens of the vocabulary\. Received: 'ab'"
    ):
        generator.generate("a", 1, stop="ab")
    with pytest.raises(ValueError, match="`stop` must be tokens"):
        generator.beam_search("a", 1, stop=["a", "z"])
    with pytest.raises(ValueError, match="`filter` must return logits of the shape"):
        generator.generate("a", 1, filter=lambda logits, new_ids: logits[:, 1:])
