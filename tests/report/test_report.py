"""The report: what is written, that it is escaped, and that it is whole."""

import base64
import hashlib
import html.parser
import os
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.report import Report
from tfseq.report.figures import ticks
from tfseq.report.format import shown, shown_alike
from tfseq.report.report_gradient_norms import add_gradient_norms

# As long as a text in a chart may be.
HOSTILE = "</pre></title></style><script>a</script><i id='a'>\" & \x00\x1b 時$"
GEOMETRY = ("d", "x", "y", "cx", "cy")


class Page(html.parser.HTMLParser):
    """Elements with their attributes, and the text of each, as a browser would see them."""

    VOID = frozenset({"meta", "link", "img"})

    def __init__(self, source):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        assert len(dict(attributes)) == len(attributes), "an attribute comes twice"
        self.elements.append([tag, dict(attributes), ""])
        if tag not in self.VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag, attributes):
        self.elements.append([tag, dict(attributes), ""])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[2] += data

    def all(self, tag, kind=None):
        return [
            (attributes, text)
            for name, attributes, text in self.elements
            if name == tag and (kind is None or attributes.get("class") == kind)
        ]


def full_report(text="plain"):
    """A report with every kind of part, `text` wherever there can be one."""
    picture = b"\x89PNG\r\n\x1a\n" + b"rest"
    report = Report(text, text).prose(f"{text}\n\nsecond").highlights({text: text, "n": 0.5})
    report.section(text).values({text: text}, caption=text).table([text, "n"], [[text, 1.5]], text)
    report.matrix([text], [text], [[3]], text, text).text(text, text).figure(picture, text, text)
    lines, bands = {text: [(1, 2.0), (2, 3.0)]}, {f"band {text}": [(1, 1.0, 2.0), (2, 2.0, 4.0)]}
    references, notes = {f"law {text}": [(1, 1.0), (2, 5.0)]}, [(text, 2, "<b>$x$")]
    more = {"bands": bands, "references": references, "marks": {text: 1}, "notes": notes}
    report.chart(lines, text, text, text, **more)
    report.section("Tokens").heat_map([text], [1.0], text, [text], caption=text)
    return report.section("End").prose("end")


def test_text_means_itself_everywhere():
    plain, hostile = Page(full_report().html()), Page(full_report(HOSTILE).html())
    assert [e[0] for e in hostile.elements] == [e[0] for e in plain.elements]
    assert [list(e[1]) for e in hostile.elements] == [list(e[1]) for e in plain.elements]
    visible = HOSTILE.replace("\x00", "␀").replace("\x1b", "␛")
    ((_, title),) = hostile.all("title")[:1]
    assert title == visible
    # Wherever the plain word is, in texts and in attributes, the hostile one is as it was given.
    for (_, attributes, text), (_, plain_attributes, plain_text) in zip(
        hostile.elements, plain.elements, strict=True
    ):
        if attributes.get("id") is None and "http-equiv" not in attributes:
            assert text == plain_text.replace("plain", visible)
            assert [value for name, value in attributes.items() if name not in GEOMETRY] == [
                value.replace("plain", visible)
                for name, value in plain_attributes.items()
                if name not in GEOMETRY
            ]
    assert [text for _, text in hostile.all("pre")] == [visible]
    assert hostile.all("i", "h10")[-1][1] == visible
    assert hostile.all("img")[0][0]["alt"] == visible


@settings(max_examples=40)
@given(st.text())
def test_any_text_leaves_the_page_sound(text):
    page = Page(
        Report("title").text("a" + text).heat_map(list(text), [1.0] * len(text), "b").html()
    )
    assert [shown for _, shown in page.all("pre")] == ["a" + "".join(map(picture, text))]
    signs = {"\n": "↵\n", "\t": "⇥\t"}
    expected = "".join(signs.get(c, picture(c)) for c in text)
    assert page.all("p", "tokens")[0][1] == expected


def picture(character):
    """What stands for a control character, which a page cannot hold."""
    code = ord(character)
    if code in (9, 10):
        return character
    return (
        chr(0x2400 + code)
        if code < 32
        else {127: "␡"}.get(code, "�" if 128 <= code < 160 else character)
    )


def test_nothing_is_fetched_and_nothing_runs():
    source = full_report(HOSTILE).html()
    page = Page(source)
    assert not {"script", "iframe", "object", "embed", "form", "base"} & {
        e[0] for e in page.elements
    }
    for _, attributes, _ in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
    ((policy, _),) = [m for m in page.all("meta") if "http-equiv" in m[0]]
    rules = dict(rule.strip().split(" ", 1) for rule in policy["content"].split(";"))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("img-src") == "data:"
    ((_, style),) = page.all("style")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert rules.pop("style-src") == f"'sha256-{digest}'"
    assert set(rules.values()) == {"'none'"}
    assert "url(" not in style
    assert "@import" not in style
    # Before anything that the policy is to hold for.
    assert source.index("Content-Security-Policy") < source.index("<style>")


def test_parts_in_their_order():
    report = Report("T").section("A").prose("one").text("two").section("B").prose("three")
    page = report.html()
    places = [page.index(f">{word}<") for word in ("A", "one", "two", "B", "three")]
    assert places == sorted(places)
    ids = [attributes["id"] for attributes, _ in Page(full_report().html()).all("section")]
    links = [attributes["href"] for attributes, _ in Page(full_report().html()).all("a")]
    assert links == [f"#{i}" for i in ids[1:]]


def test_table_and_matrix():
    rows = [["a", 1, 0.5, None], ["b", 20000, 0.25, 2.0]]
    page = Page(Report("T").table(["name", "count", "share", "more"], rows).html())
    assert [(a.get("class"), t) for a, t in page.all("td")] == [
        *[(None, "a"), ("n", "1"), ("n", "0.50"), ("n", "–")],
        *[(None, "b"), ("n", "20,000"), ("n", "0.25"), ("n", "2")],
    ]
    page = Page(Report("T").matrix(["x", "y"], ["x", "y"], [[8, 2], [0, 5]]).html())
    assert [(a["class"].strip(), t) for a, t in page.all("td")] == [
        *[("n h10", "8"), ("n h2", "2"), ("n", "0"), ("n h10", "5")]
    ]
    with pytest.raises(ValueError, match="must have 2 values"):
        Report("T").table(["a", "b"], [[1]])
    with pytest.raises(ValueError, match="1 rows of 2 numbers"):
        Report("T").matrix(["x"], ["x", "y"], [[1]])


def test_heat_map():
    values = [0.0, 1.0, -2.0, 9.0, None, float("nan")]
    page = Page(Report("T").heat_map(list("ab\nd e"), values, "bits", limit=4).html())
    tokens = page.all("i")[21:]
    assert [(a.get("class"), a["title"], t) for a, t in tokens] == [
        (None, "a: 0 bits", "a"),
        ("h2", "b: 1 bits", "b"),
        ("c5", "↵: −2 bits", "↵\n"),
        ("h10", "d: 9 bits", "d"),
        (None, "space: no value", " "),
        (None, "e: no value", "e"),
    ]
    assert page.all("div", "scale")[0][1] == "−4 or less  4 bits or more"
    positive = Page(Report("T").heat_map(["a"], [3.0], "nats", ["note"]).html())
    assert positive.all("div", "scale")[0][1] == "0  3 nats"
    assert positive.all("i")[-1][0]["title"] == "a: 3 nats; note"
    with pytest.raises(ValueError, match="as many as `tokens`"):
        Report("T").heat_map(["a"], [], "bits")
    with pytest.raises(ValueError, match="`limit`"):
        Report("T").heat_map(["a"], [1.0], "bits", limit=0)


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
    assert "no finite figure" in nothing.all("section")[0][1]
    # A band, too, whose lower edge would lie at minus infinity.
    bands = {"a": [(4, 0.0, 3.0), (5, 1.0, 3.0), (6, 2.0, 5.0)]}
    page = charted({"a": points}, "x", "y", log_y=True, bands=bands)
    areas = [a["d"] for a, _ in page.all("path") if a["fill"] == "var(--s0)"]
    assert [area.count("L") for area in areas] == [3, 3]
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
    page = full_report()
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
    assert page.html() == full_report().html()


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


def test_numbers():
    assert [shown(float(v)) for v in ("inf", "-inf", "nan")] == ["∞", "−∞", "not a number"]
    assert [shown(v) for v in (0.0, -1.5, 1e-9, 123456.7, 5e7)] == [
        *("0", "−1.5", "1 × 10⁻⁹", "123,457", "5 × 10⁷")
    ]
    assert shown_alike([0.004, 0.0033212, 3, float("inf")]) == ["0.004000", "0.003321", "3", "∞"]


def test_pictures(tmp_path):
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().plot([1, 2])
    figure.savefig(tmp_path / "p.png")
    report = Report("T").figure(figure, "drawn").figure(tmp_path / "p.png", "read")
    sources = [a["src"] for a, _ in Page(report.html()).all("img")]
    assert b"<svg" in base64.b64decode(sources[0].removeprefix("data:image/svg+xml;base64,"))
    png = base64.b64decode(sources[1].removeprefix("data:image/png;base64,"))
    assert png == (tmp_path / "p.png").read_bytes()
    with pytest.raises(ValueError, match="PNG or SVG"):
        Report("T").figure(b"GIF89a", "no")


def test_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    assert Report("old").write(path) == path

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        Report("new").write(path)
    assert re.search("<title>(.*)</title>", path.read_text())[1] == "old"
    assert os.listdir(tmp_path) == ["report.html"]
