"""The report: what is written, that it is escaped, and that it is whole."""

import base64
import hashlib
import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsed_page import Page

from tfseq.report import Report
from tfseq.report.format import shown, shown_alike

# As long as a text in a chart may be.
HOSTILE = "</pre></title></style><script>a</script><i id='a'>\" & \x00\x1b 時$"
GEOMETRY = ("d", "x", "y", "cx", "cy")


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


def test_configuration_has_the_names_of_the_command_line():
    page = Page(Report("T").configuration({"num_steps": 35, "sample_prompt": "\n"}).html())
    assert [t for _, t in page.all("h2")] == ["Configuration"]
    assert [t for _, t in page.all("dt")] == ["--num-steps", "--sample-prompt"]
    assert [t for _, t in page.all("dd")] == ["35", r"'\n'"]


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
