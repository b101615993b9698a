"""Text up to where a stop string begins, however it is cut into pieces."""

import random

import pytest

from tfseq.serving.writing.stop_filter import StopFilter


def given(stops, pieces):
    stop_filter = StopFilter(stops)
    text = "".join(stop_filter.add(piece) for piece in pieces)
    return text + stop_filter.finish(), stop_filter.stopped


@pytest.mark.parametrize("stops", [["END", "\n"], ["\n", "END"]])
def test_of_two_in_one_piece_the_earlier_ends_it(stops):
    assert given(stops, ["a\nb END c"]) == ("a", True)
    assert given(stops, ["a END b\nc"]) == ("a ", True)


def test_pieces_of_any_length_give_one_text():
    chance = random.Random(0)
    for _ in range(300):
        text = "".join(chance.choices("ab", k=chance.randrange(1, 12)))
        stop = "".join(chance.choices("ab", k=chance.randrange(1, 4)))
        pieces, rest = [], text
        while rest:
            cut = chance.randrange(1, len(rest) + 1)
            pieces.append(rest[:cut])
            rest = rest[cut:]
        assert given([stop], pieces) == (text.split(stop)[0], stop in text)
