"""Numbers as one or another country writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseq.data.series.written_numbers import AmbiguousNumberError, read_numbers


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1.234", "2.5"], [1.234, 2.5]),
        (["0,123", "1,234"], [0.123, 1.234]),
        (["1.234,5", "2.000"], [1234.5, 2000]),
        (["1,234,567", "2"], [1234567, 2]),
        (["1.234.567", "2,5"], [1234567, 2.5]),
        (["1,234.5", "1,5"], [1234.5, None]),
        (["12,34,567", "1_0", "nan", "", "-"], [None] * 5),
        (["1,234", "2,345"], AmbiguousNumberError),
        (["1.234", "2,5"], AmbiguousNumberError),
    ],
)
def test_numbers_as_they_are_written(texts, values):
    if isinstance(values, list):
        assert read_numbers(texts) == values
    else:
        with pytest.raises(values):
            read_numbers(texts)


@given(st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 2)), min_size=1), st.sampled_from(".,"))
def test_numbers_of_any_country_are_read_or_refused(numbers, mark):
    """As spreadsheets print them, thousands set apart and two decimals."""
    swap = str.maketrans(",.", ".," if mark == "," else ",.")
    assert read_numbers([f"{x:,.2f}".translate(swap) for x in numbers]) == numbers
