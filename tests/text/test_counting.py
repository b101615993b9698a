import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseq.text import CharTokenizer, WordTokenizer, count_tokens
from tfseq.text.counting import on_threads


@given(st.lists(st.text()))
def test_counts_of_characters_are_those_of_a_counter(texts):
    counted = count_tokens(texts, CharTokenizer())
    assert counted == Counter("".join(texts))


def test_counts_of_words():
    counted = count_tokens(["The cat. The dog.", "the"], WordTokenizer(case_fold=True))
    assert counted == Counter({"the": 3, ".": 2, "cat": 1, "dog": 1})


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

    assert count_tokens(texts(), NotingTokenizer()).total() == 100
    assert most_ahead < 20


def test_one_thread_is_the_callers():
    """A thread for each task makes a process with many threads grow, by memory of its own."""
    threads = set()

    class NotingTokenizer(WordTokenizer):
        def tokenize(self, strings):
            threads.add(threading.get_ident())
            return super().tokenize(strings)

    with on_threads(1):
        assert count_tokens(["a b "] * 9, NotingTokenizer()) == {"a": 9, "b": 9}
    assert threads == {threading.get_ident()}


def test_an_error_while_reading_is_passed_on():
    def texts():
        yield "a"
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        count_tokens(texts(), CharTokenizer())
