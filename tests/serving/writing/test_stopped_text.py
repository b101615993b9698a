"""Text ends where the graph ends it, at whatever token a stop string is there."""

import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tfseq
from tfseq.generation.controls.stop_strings import StopStrings, cut_at
from tfseq.serving.writing.stopped_text import StoppedText
from tfseq.serving.writing.token_texts import TokenTexts, answered

# Those that may stand closer than words do, and few words between them.
SIGNS = '" " . . - / , the cat well u s 5 20 : ( $ <eos>'.split()
VOCABULARY = tfseq.Vocabulary(list(dict.fromkeys(SIGNS)))
TOKENIZERS = {True: tfseq.WordTokenizer(line_ends=True), False: tfseq.CharTokenizer()}
STOPS = [".", '"', " -", "well-", "\n", "cat.", 't"', "u.s", "5", " ", '" t', "20:", "( ", "a,"]


def decode(of_words, rows):
    tokens = VOCABULARY.id_to_token(rows)
    return TOKENIZERS[of_words].detokenize(tokens)


def in_graph(ids, stops, of_words):
    """The text, and at which token it ended, as `generate_controlled` has it."""
    stop = tf.constant([stops])
    search = StopStrings(stop, lambda rows: decode(of_words, rows))
    found, _ = search.found(search.before(), tf.constant(ids, tf.int32)[:, tf.newaxis])
    number = next((n for n, there in enumerate(found[:, 0].numpy(), start=1) if there), len(ids))
    text = decode(of_words, tf.ragged.constant([ids[:number]], tf.int32, 1))
    kept = cut_at(text, stop)
    stopped = bool(tf.reduce_any(found) | tf.reduce_any(kept != text))
    return kept[0].numpy().decode(), stopped, number


def here(ids, stops, of_words):
    requests = 0

    def ask(rows):
        nonlocal requests
        requests += 1
        texts = decode(of_words, tf.ragged.constant(rows, tf.int32, 1))
        return [text.decode() for text in texts.numpy()]

    text = StoppedText(TokenTexts(of_words), stops)
    given, number = "", 0
    for number, token in enumerate(ids, start=1):  # noqa: B007
        given += answered(text.add(token), ask)
        if text.stopped:
            break
    given += answered(text.end(), ask)
    return given, text.stopped, number, requests


def ids_of(tokens):
    return [VOCABULARY.tokens.index(token) for token in tokens]


texts = st.lists(st.sampled_from(SIGNS), min_size=1, max_size=30)


def check(tokens, stops, of_words):
    ids = ids_of(tokens)
    text, stopped, number, _ = here(ids, stops, of_words)
    expected, as_expected, by = in_graph(ids, stops, of_words)
    assert (text, stopped) == (expected, as_expected)
    # It may end before the graph, which looks at fewer tokens at a time.
    assert number <= by


@settings(max_examples=20, deadline=None)
@given(texts, st.lists(st.sampled_from(STOPS), min_size=1, max_size=3), st.booleans())
@example(["well", "-", "well", "-", "cat"], [" -"], True)
@example(['"', "the", "cat", ".", "well", '"'], ["."], True)
@example(['"', "the", "cat", ".", "well", '"'], ['" t', 't"'], True)
@example(["cat", '"', "the", '"', "cat"], ['t"'], True)
@example(["u", ".", "s", ".", "the"], ["u.s"], True)
def test_it_ends_as_in_the_graph(tokens, stops, of_words):
    check(tokens, stops, of_words)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(texts, st.lists(st.sampled_from(STOPS), min_size=1, max_size=3), st.booleans())
def test_many_texts_end_as_in_the_graph(tokens, stops, of_words):
    check(tokens, stops, of_words)


@pytest.mark.parametrize("of_words", [False, True])
def test_what_is_not_there_takes_few_requests(of_words):
    ids = ids_of(["the", "cat", ",", "well", "u", "-", "cat", "the", "."] * 20)
    _, stopped, _, without = here(ids, [], of_words)
    assert not stopped
    _, stopped, _, requests = here(ids, ["never", "\n", "cat:"], of_words)
    assert not stopped
    assert requests == without
