"""Charts within a page: where points are, what is left out, colours, marks and numbers."""

import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsed_page import Page

from tfseq.report import Report
from tfseq.report.figures import ticks
from tfseq.report.report_gradient_norms import add_gradient_norms


def charted(*arguments, **details):
    return Page(Report("T").chart(*arguments, **details).html())


def points_of(page, colour="s0"):
    """The points of each line of a colour: those of the wide drawing, then of the narrow one."""
    return [
        [tuple(map(float, p.split())) for p in a["d"][1:].split("L")]
        for a, _ in page.all("path")
        if a.get("stroke") == f"var(--{colour})"
    ]


def test_chart_puts_points_in_proportion():
    points = [(0, 1.0), (5, 10.0), (10, 100.0)]
    page = charted({"a": points}, "x", "y", log_y=True)
    for (x0, y0), (x1, y1), (x2, y2) in points_of(page):
        assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
        assert y1 - y0 == pytest.approx(y2 - y1, abs=0.2)
        assert x0 < x1 < x2
        assert y2 < y1 < y0
    assert len(points_of(page)) == 2
    dots = [(float(a["cx"]), float(a["cy"])) for a, _ in page.all("circle")]
    assert dots == [point for line in points_of(page) for point in line]
    assert [t for _, t in page.all("title")[1:]] == ["a: 1 at 0", "a: 10 at 5", "a: 100 at 10"] * 2


def test_chart_leaves_out_what_has_no_place():
    nan, inf = float("nan"), float("inf")
    points = [(1, nan), (2, inf), (3, 0.0), (4, None), (5, 2.0), (6, np.float32(4))]
    page = charted({"b": [], "a": points}, "x", "y", log_y=True)
    assert [len(line) for line in points_of(page, "s1")] == [2, 2]
    assert not page.all("li")  # A line without points is not in the legend.
    nothing = charted({"a": points[:4]}, "x", "y", log_y=True)
    assert "no finite value" in nothing.all("section")[0][1]
    # A band, too, whose lower edge would lie at minus infinity.
    bands = {"a": [(4, 0.0, 3.0), (5, 1.0, 3.0), (6, 2.0, 5.0)]}
    page = charted({"a": points}, "x", "y", log_y=True, bands=bands)
    areas = [a["d"] for a, _ in page.all("path") if a["fill"] == "var(--s0)"]
    assert [area.count("L") for area in areas] == [3, 3]
    # What belongs to a point or a place that is left out is left out with it.
    more = {"notes": [("a", 3, "zero"), ("a", 5, "two")], "marks": {"none": None, "start": 0}}
    page = charted({"a": points}, "x", "y", log_x=True, log_y=True, **more)
    assert [t for _, t in page.all("text") if t.isalpha()] == ["two", "two"]
    with pytest.raises(ValueError, match="at most 6"):
        charted({str(n): [(0, 1)] for n in range(7)}, "x", "y")


def test_a_long_line_keeps_its_extremes():
    chance = random.Random(0)
    points = [(n, chance.random()) for n in range(20_000)]
    points[777], points[12_345] = (777, 5.0), (12_345, -3.0)
    wide, narrow = points_of(charted({"a": points}, "x", "y"))
    assert len(narrow) < len(wide) < 5000
    for line in (wide, narrow):
        (high_x, high), (low_x, low) = (pick(line, key=lambda p: p[1]) for pick in (min, max))
        flat, (left, _), (right, _) = line[0][1], line[0], line[-1]
        # From -3 to 5: where the line begins is `points[0]` of it.
        assert (low - flat) / (low - high) == pytest.approx((points[0][1] + 3) / 8, abs=0.01)
        assert (high_x - left) / (right - left) == pytest.approx(777 / 20_000, abs=0.003)
        assert (low_x - left) / (right - left) == pytest.approx(12_345 / 20_000, abs=0.003)


def test_a_chart_has_the_colours_of_the_page_in_the_light_and_in_the_dark():
    more = {"references": {"law": [(1, 1.0), (2, 5.0)]}, "bands": {"b": [(1, 1.0, 2.0)]}}
    lines = {"a": [(1, 2.0), (2, 3.0)]}
    page = Report("T").chart(lines, "x", "y", marks={"m": 1}, notes=[("a", 2, "n")], **more)
    style = Page(page.html()).all("style")[0][1]
    drawn = [a for tag in ("path", "circle", "text") for a, _ in Page(page.html()).all(tag)]
    colours = {a[name] for a in drawn for name in ("fill", "stroke") if name in a} - {"none"}
    names = {re.fullmatch(r"var\((--\w+)\)", colour)[1] for colour in colours}
    assert {"--s0", "--s1", "--s2", "--soft", "--rule"} == names
    light, dark = style.split("prefers-color-scheme: dark")
    values = [
        {n: re.search(f"{n}: (#......);", theme)[1] for n in names} for theme in (light, dark)
    ]
    assert all(values[0][name] != values[1][name] for name in names)
    again = Report("T").chart(lines, "x", "y", marks={"m": 1}, notes=[("a", 2, "n")], **more)
    assert page.html() == again.html()


def test_marks_and_legend():
    lines = {"a": [(1, 1.0), (9, 2.0)], "b": [(1, 2.0), (9, 1.0)]}
    page = charted(
        lines, "epoch", "loss", marks={"early": 2, "late $x$": 8}, references={"a": [(1, 1)]}
    )
    assert [t for _, t in page.all("li")] == ["a", "b"]
    labels = [(t, a["text-anchor"]) for a, t in page.all("text") if not t[-1].isdigit()]
    assert labels == [("early", "start"), ("late $x$", "end")] * 2
    assert [t for _, t in page.all("div", "axis") + page.all("div", "axis across")] == [
        *("loss", "epoch")
    ]


@settings(max_examples=60)
@given(
    st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=2, unique=True),
    st.booleans(),
    st.integers(3, 9),
)
def test_ticks_are_on_the_axis_and_told_apart(ends, log, count):
    low, high = sorted(abs(v) + 1e-6 for v in ends) if log else sorted(ends)
    high = max(high, low + 1e-6 * abs(low))  # Matplotlib's axes are no shorter.
    values, labels = ticks(low, high, count, log)
    assert all(low <= value <= high for value in values)
    assert values == sorted(values)
    assert len({*labels}) == len(values) == len(labels)
    assert 0 < len(values) <= count + 1


def test_epochs_are_not_halved():
    for epochs in ([1], [1, 2, 3]):
        page = charted({"a": [(n, n + 0.5) for n in epochs]}, "epoch", "y")
        written = [t for a, t in page.all("text") if a["text-anchor"] == "middle"]
        assert written == [str(n) for n in epochs] * 2


def test_gradient_norms():
    history = [{"epoch": n, "gradient_norm": 1 / n, "gradient_norm_max": 2.0} for n in (1, 2)]
    report = Report("T")
    add_gradient_norms(report, [], clip_norm=1.5)
    assert not Page(report.html()).all("svg")
    add_gradient_norms(report, history, clip_norm=1.5)
    page = Page(report.html())
    assert [t for _, t in page.all("li")] == ["mean of the epoch", "largest", "clipped to"]
    dots = [t.split(": ") for _, t in page.all("title")[1:]][:6]
    assert [what for _, what in dots] == [
        "1 at 1",
        "0.5 at 2",
        *("2 at 1", "2 at 2"),
        *("1.5 at 1", "1.5 at 2"),
    ]
    assert "before clipping" in page.all("figcaption")[0][1]
