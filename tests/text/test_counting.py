from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseq.text import CharTokenizer, TokenCounts, WordTokenizer, count_tokens


@given(st.lists(st.text()))
def test_counts_of_characters_are_those_of_a_counter(texts):
    counted = count_tokens(texts, CharTokenizer())
    assert counted.counts == Counter("".join(texts))
    assert counted.num_tokens == len("".join(texts))


def test_counts_of_words():
    counted = count_tokens(["The cat. The dog.", "the"], WordTokenizer(case_fold=True))
    assert counted.counts == Counter({"the": 3, ".": 2, "cat": 1, "dog": 1})
    assert counted.num_tokens == 7


@given(st.text(), st.text())
def test_counts_add_and_subtract(one, two):
    first, second = (count_tokens([text], CharTokenizer()) for text in (one, two))
    both = count_tokens([one, two], CharTokenizer())
    assert first + second == both
    assert both - second == first
    assert sum([first, second], TokenCounts()) == both


def test_no_more_than_a_part_can_be_taken_away():
    with pytest.raises(ValueError, match="must be part of"):
        TokenCounts(1, Counter("a")) - TokenCounts(1, Counter("b"))


def test_texts_are_read_as_they_are_needed():
    taken = done = most_ahead = 0

    def texts():
        nonlocal taken
        while taken < 100:
            taken += 1
            yield f"{taken} "

    class NotingTokenizer(WordTokenizer):
        def tokenize(self, strings):
            nonlocal done, most_ahead
            most_ahead = max(most_ahead, taken - done)
            done += 1
            return super().tokenize(strings)

    assert count_tokens(texts(), NotingTokenizer()).num_tokens == 100
    assert most_ahead < 20


def test_an_error_while_reading_is_passed_on():
    def texts():
        yield "a"
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        count_tokens(texts(), CharTokenizer())
