"""Series from the CSV files that people have: right, or refused by line and column."""

import gzip
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tfseq
from tfseq.data import read_series
from tfseq.data.series.time_columns import counts_steps


def write(tmp_path, text, encoding="utf-8", name="a.csv"):
    path = tmp_path / name
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if name.lower().endswith(".gz") else data)
    return path


def test_columns_of_numbers_are_found_and_others_named(tmp_path):
    path = write(tmp_path, '\ufeffday,a,"b, c",名\r\n1 May,1,-2.5e3,x\r\n2 May, 3 ,4,y\r\n\r\n')
    series = read_series(path)
    assert series.name == "a"
    assert series.columns == ("a", "b, c")
    np.testing.assert_array_equal(series.values, [[1, -2500], [3, 4]])
    assert series.notes == ("left out: day, 名 (no numbers).",)
    assert read_series(path, ["b, c", "a"]).values.tolist() == [[-2500, 1], [4, 3]]
    assert read_series(path, ["a"]).notes == ()
    assert len({series.fingerprint, read_series(path, ["a"]).fingerprint}) == 2
    assert read_series(path).fingerprint == series.fingerprint


# What a file holds -> the columns, and what is in them.
GOOD = {
    "semicolons and decimal commas": (
        "d;x\n1.1.20;1,5\n2.1.20;1.002,25\n3.1.20;7\n",
        "x",
        [1.5, 1002.25, 7],
    ),
    "semicolons and points": ("x;y\n1.5;2\n2;3.25\n", "x y", [[1.5, 2], [2, 3.25]]),
    "a comma in a name": ("when;price, EUR\nMay;1,5\nJune;2,5\n", "price, EUR", [1.5, 2.5]),
    "tabs": ("x\ty\r\n1,5\t2\r\n2,5\t7\r\n", "x y", [[1.5, 2], [2.5, 7]]),
    "a line that names the separator": ("sep=;\nx;y\n1;2\n3;1\n", "x y", [[1, 2], [3, 1]]),
    "quotes": ('"x","y"\n"1","2.5"\n"3","1"\n', "x y", [[1, 2.5], [3, 1]]),
    "thousands": ('x\n"1,234.5"\n"2,345"\n"9"\n', "x", [1234.5, 2345, 9]),
    "thousands told by another column": (
        "Datum;Absatz;Kurs\n1.1.24;1.050;1,10\n2.1.24;980;1,12\n3.1.24;1.200;1,11\n",
        "Absatz Kurs",
        [[1050, 1.1], [980, 1.12], [1200, 1.11]],
    ),
    "thousands told by another column's thousands": (
        "a\tb\n1.050\t1.234,56\n-2.980\t5\n3\t7\n",
        "a b",
        [[1050, 1234.56], [-2980, 5], [3, 7]],
    ),
    "decimals told by another column": (
        'a;b;c\n1.050;0.125;"1,234"\n2;0.5;2,345\n7;1;1\n',
        "a b c",
        [[1.05, 0.125, 1234], [2, 0.5, 2345], [7, 1, 1]],
    ),
    "a column tells for itself": (
        "a;b\n1.050;1,5\n0.125;2,5\n7;1\n",
        "a b",
        [[1.05, 1.5], [0.125, 2.5], [7, 1]],
    ),
    "commas told by another column": (
        "a;b\n1,234;2,5\n7;1\n8;9\n",
        "a b",
        [[1.234, 2.5], [7, 1], [8, 9]],
    ),
    "points among commas": ("a,b\n12.345,1\n999,5\n7,2\n", "a b", [[12.345, 1], [999, 5], [7, 2]]),
    "three decimals throughout": (
        "a;b\n1.050;1\n0.980;5\n1.200;2\n",
        "a b",
        [[1.05, 1], [0.98, 5], [1.2, 2]],
    ),
    "a fourth decimal tells": (
        "a;b\n980;1\n1.0500;5\n1.200;2\n",
        "a b",
        [[980, 1], [1.05, 5], [1.2, 2]],
    ),
    "spaces in thousands": (
        "x;y\n1 234,5;1\n12\u202f345;5\n\u22121\u00a0000;2\n",
        "x y",
        [[1234.5, 1], [12345, 5], [-1000, 2]],
    ),
    "apostrophes": ("x\n1'234.5\n1’000’000\n5\n", "x", [1234.5, 1e6, 5]),
    "empty columns at the right": ("x,,\n1,,\n5,,\n2,,\n", "x", [1, 5, 2]),
    "more of them in the rows": ("x\n1,,\n5,\n2\n", "x", [1, 5, 2]),
    "numbers as names": (",0,1\n0,5,6\n1,2,1\n2,8,8\n", "0 1", [[5, 6], [2, 1], [8, 8]]),
    "a few words among words": ("id,x\nA1,1\n12,5\nB7,7\n", "x", [1, 5, 7]),
    "old line ends": ("x,y\r1,2\r3,1\r", "x y", [[1, 2], [3, 1]]),
}


@pytest.mark.parametrize("case", GOOD)
@pytest.mark.parametrize(
    ("encoding", "name"), [("utf-8", "a.csv"), ("utf-8-sig", "A.CSV.GZ"), ("utf-16", "a.txt")]
)
def test_files_that_are_read_right(case, encoding, name, tmp_path):
    text, columns, values = GOOD[case]
    series = read_series(write(tmp_path, text, encoding, name))
    assert series.columns in ((columns,), tuple(columns.split()))
    assert series.values.squeeze().tolist() == values
    assert series.name.lower() == "a"


NOT_FORECAST = {
    "nameless": (",x\n0,5\n1,3\n2,4\n", "column 1"),
    "nameless with gaps": (",x\n0,5\n1,3\n7,4\n", "column 1"),
    "pandas": ("Unnamed: 0,x\n0,5\n1,3\n2,4\n", "Unnamed: 0"),
    "years": ("Year,x\n2001,5\n2002,3\n2003,4\n", "Year"),
    "an even column of any name": ("k,x\n10,5\n20,3\n30,4\n", "k"),
    "one that falls": ("k,x\n3,5\n2,3\n1,4\n", "k"),
    "seconds with a weekend": ("k,x\n1577836800,5\n1577923200,3\n1578182400,4\n", "k"),
    "milliseconds": ("k,x\n1577836800000,5\n1577836860000,3\n1577840400000,4\n", "k"),
    "days as numbers": ("k,x\n20231230,5\n20231231,3\n20240101,4\n", "k"),
    "months as numbers": ("k,x\n202311,5\n202312,3\n202401,4\n", "k"),
    "a time that is repeated": ("time,x\n1,5\n1,3\n2,4\n", "time"),
    "hours": ("hour,x\n23,5\n0,3\n1,4\n", "hour"),
    "decimal commas": ("k;x\n0,5;5\n1,0;3\n1,5;4\n", "k"),
    "a year alone": ("Year,x\n2024,5\n2024,3\n2024,4\n", "Year"),
    "a month of one year": ("month,x\n202401,5\n202401,3\n202401,4\n", "month"),
    "one station's id": ("id;x\n17;5\n17;3\n17;4\n", "id"),
    "a day alone": ("start date,x\n20240131,5\n20240131,3\n20240131,4\n", "start date"),
    "with a hole": ("time,x\n1,5\n,3\n3,4\n", "time"),
}


@pytest.mark.parametrize("case", NOT_FORECAST)
def test_row_numbers_and_times_are_named_and_taken_when_asked_for(case, tmp_path):
    text, name = NOT_FORECAST[case]
    path = write(tmp_path, text)
    series = read_series(path)
    assert series.columns == ("x",)
    assert series.values.ravel().tolist() == [5, 3, 4]
    said = f"left out: {name} (row numbers or times, which are taken only by name)."
    assert said in series.notes
    first = text.splitlines()[1].removesuffix("5")[:-1].replace(",", ".")
    if "hole" in case:
        with pytest.raises(tfseq.InputError, match="line 3, column 'time': the value is missing"):
            read_series(path, [name, "x"])
    else:
        assert read_series(path, [name, "x"]).values[0].tolist() == [float(first), 5]


def test_rounded_years_count_steps_and_a_steady_climb_does_not():
    months = [f"{1949 + i / 12:.3f}" for i in range(40)]
    assert counts_steps("k", months, np.array(months, float))
    rng = np.random.default_rng(0)
    climb = np.cumsum(rng.integers(1, 9, 40))
    assert not counts_steps("sales", [*map(str, climb)], climb.astype(float))
    assert not counts_steps("k", ["1", "2"], np.array([1.0, 2.0]))
    assert not counts_steps("id", ["2", "1", "3"], np.array([2.0, 1.0, 3.0]))
    for name in ("id", "Open time", "unix_ms", "row number", ""):
        assert counts_steps(name, ["1", "2", "4"], np.array([1.0, 2.0, 4.0]))
    assert not counts_steps("k", ["7", "7", "7"], np.array([7.0, 7.0, 7.0]))
    for name in ("T (degC)", "response time", "sunspot.year", "hours"):
        assert not counts_steps(name, ["1", "2", "4"], np.array([1.0, 2.0, 4.0]))
    assert not counts_steps("hour", ["1", "29", "4"], np.array([1.0, 29.0, 4.0]))


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (["2024-03-01", "2024-02-01", "2024-01-01"], True),
        (["1.3.2024", "1.2.2024", "1.1.2024"], True),
        (["2003", "2002", "2001"], True),
        (["2024-01-01", "2024-02-01", "2024-03-01"], False),
        (["c", "b", "a"], False),
        (["23", "24", "1"], False),
    ],
)
def test_the_newest_first_is_said(times, said, tmp_path):
    rows = "".join(f"{time},{n}\n" for time, n in zip(times, [5, 3, 4], strict=True))
    notes = read_series(write(tmp_path, f"when,x\n{rows}")).notes
    assert any("oldest first, though when falls" in note for note in notes) == said


BAD = {
    "missing": ("t,a\n1,2\n2,\n", None, "line 3, column 'a': the value is missing."),
    "missing first": ("a,b\n,1\n2,3\n4,1\n", None, "line 2, column 'a': the value is missing."),
    "na": ("t,a\n1,2\n2,NaN\n3,4\n", None, "line 3, column 'a': the value is missing (NaN)."),
    "na first": ("a\n#N/A\n2\n", None, "line 2, column 'a': the value is missing (#N/A)."),
    "word": ("a\n1\ntwo\n", None, "line 3, column 'a': must be a number from -1e30 to 1e30"),
    "units": ("t,a\ns,kW\n0,1\n1,5\n2,3\n", ["a"], "line 2, column 'a': must be a number"),
    "units unasked": ("t,a\ns,kW\n0,1\n1,5\n2,3\n", None, "Remove a row of units"),
    "infinite": ("a\n1\n-inf\n", None, "line 3, column 'a': must be a number"),
    "huge": ("a\n1\n1e31\n", None, "Received: '1e31'."),
    "underscore": ("a\n1\n1_0\n", None, "Received: '1_0'."),
    "percent": ("a\n1%\n2\n5\n", None, "line 2, column 'a': must be a number"),
    "two readings": (
        'a\n"1,234"\n"2,345"\n',
        None,
        "line 2, column 'a': '1,234' can be read in two ways",
    ),
    "two marks": ("a;b\n1.5;1\n2,5;2\n", None, "line 3, column 'a': '2,5' can be read in two ways"),
    "thousands or decimals": (
        "a;b\n980;1\n1.050;5\n1.200;2\n",
        None,
        "line 3, column 'a': '1.050' can be read in two ways, with the point as the decimal mark",
    ),
    "thousands or decimals, when asked for": (
        "day;a\n01.05;980\n02.05;1.050\n03.05;1.200\n",
        ["a"],
        "no other value decides it. Leave out the points between thousands; if they are decimal "
        "points, give one value a fourth decimal, such as 1.0500.",
    ),
    "other columns disagree": (
        "a;b;c\n1.050;1,5;1.5\n2;2;2\n7;1;2\n",
        ["a"],
        "line 2, column 'a': '1.050' can be read in two ways",
    ),
    "empty line": ("a\n1\n\n3\n", None, "line 3, column 'a': the value is missing."),
    "ragged": ("a,b\n1,2\n3\n", None, "line 3: 1 values for 2 columns."),
    "decimal commas": (
        "a\n1,5\n",
        None,
        "2 values for 1 columns separated by commas; a num",
    ),
    "no header": ("1,2\n3,4\n", None, "the first line must name the columns. Received: 1, 2."),
    "no header, dates": ("2024-01-01,2\n2024-01-02,4\n", None, "first line must name the columns"),
    "only words": ("a,b\nx,y\n", None, "has no column to forecast; left out: a, b (no numbers)."),
    "only times": ("a\n1\n2\n3\n", None, "has no column to forecast; left out: a (row numbers or"),
    "twice": ("a,a\n1,2\n", None, "names a column twice: a."),
    "twice but for a space": ("a,b,a \n1,2,3\n", ["b"], "names a column twice: a."),
    "no rows": ("a,b\n", None, "has no row below the names"),
    "empty": ("\n\n", None, "is empty."),
    "unknown column": ("price,a\n1,2\n", ["prise"], "no column 'prise'; it has price, a. Did you"),
    "quote": ('a,b\n1,"2\n', None, 'a.csv:2: a double quote (") is opened here and never closed'),
    "quote among words": (
        'a,n\n1,x\n2,"y\n3,z"\n4,w\n',
        None,
        "line 3: a double quote is opened here",
    ),
    "quotes over rows separated by tabs": (
        'a\tn\n1\t"x\n2\ty"\n3\tz\n',
        ["a"],
        'a.csv:2: a double quote (") is opened here and closed in a later line',
    ),
    "nul": ("a,b\n1,2\n3,4\0\n", None, "a.csv is not text: it has a NUL at byte 11, line 3."),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_named(case, tmp_path):
    text, columns, words = BAD[case]
    with pytest.raises(tfseq.InputError, match=re.escape(words)) as error:
        read_series(write(tmp_path, text), columns)
    assert "a.csv" in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_no_text(tmp_path):
    with pytest.raises(
        tfseq.InputError, match=r"is not valid UTF-8: .* at byte 1 \(0xfc\), line 1"
    ):
        read_series(write(tmp_path, "zürich\n1\n", "latin-1"))
    with pytest.raises(tfseq.InputError, match="seems to be UTF-16LE without a byte order mark"):
        read_series(write(tmp_path, "a;b\n1;2\n", "utf-16-le"))
    with pytest.raises(tfseq.InputError, match="No such file"):
        read_series(tmp_path / "nowhere.csv")
    cut = write(tmp_path, "a\n1\n2\n", name="a.csv.gz")
    cut.write_bytes(cut.read_bytes()[:-4])
    with pytest.raises(tfseq.InputError, match="is not a complete gzip file"):
        read_series(cut)


@settings(max_examples=200)
@given(st.data())
def test_any_table_is_read_or_refused_by_name(tmp_path_factory, data):
    """Rows of cells of every kind, of any number: no traceback, and the file's name."""
    cells = ["1", "2", "1,5", "-1e3", "", "NA", "x", '"', '"3"', "2024-01-01", "\ufeff", "\0", " "]
    part, end = data.draw(st.sampled_from(",;\t")), data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    row = st.lists(st.sampled_from(cells), max_size=3)
    rows = [["a", "b"], *data.draw(st.lists(row, max_size=5))]
    path = tmp_path_factory.mktemp("any") / "any.csv"
    encoding = data.draw(st.sampled_from(["utf-8", "utf-16", "utf-16-le"]))
    path.write_bytes(end.join(map(part.join, rows)).encode(encoding))
    message = str(path)
    try:
        series = read_series(path, data.draw(st.sampled_from([None, ["a"], ["b", "a"]])))
        assert np.isfinite(series.values).all()
        assert series.values.shape == (len(series), len(series.columns))
    except tfseq.InputError as error:
        message = str(error)
    assert str(path) in message
