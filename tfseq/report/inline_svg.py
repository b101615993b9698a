"""A chart as part of a page: SVG by Matplotlib, in the page's colours."""

import re
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from tfseq.report.figures import STYLE, Chart, draw_chart, svg_of
from tfseq.report.format import escaped, shown, visible
from tfseq.report.style import LIGHT

# One drawing for a wide page and one for a narrow one, so that letters keep their size: pixels,
# and numbers along the axes.
_SIZES = {"wide": ((780, 312), (9, 6)), "narrow": ((350, 232), (5, 5))}
_SVG = "{http://www.w3.org/2000/svg}"
_PLACE = {"path": ("d",), "use": ("x", "y"), "text": ("x", "y")}
_LOOK = ("fill", "opacity", "stroke", "stroke-width", "stroke-dasharray", "text-anchor")
_VARIABLES = {colour: f"var(--{name})" for name, colour in LIGHT.items()}


def chart_html(chart: Chart) -> str:
    """HTML of a legend, a chart and its labels; the legend is left out where there is one line.

    Example:

    >>> html = chart_html(Chart({"loss": [(1, 2.0), (2, 1.0)]}, "epoch", "nats"))
    >>> html.count("<svg"), "<title>loss: 1 at 2</title>" in html
    (2, True)
    """
    everything = [
        (chart.names.index(name), name)
        for kind in (chart.lines, chart.references, chart.bands)
        for name, points in kind.items()
        if chart.drawable(points)
    ]
    if not everything:
        return '<p class="soft">There is no finite value to draw.</p>'
    names = sorted({*everything})
    keys = "".join(f'<li><i class="s{n}"></i>{escaped(name)}</li>' for n, name in names)
    legend = f'<ul class="keys">{keys}</ul>' if len(names) > 1 else ""
    return "\n".join(
        [
            f'{legend}<div class="axis">{escaped(chart.y_label)}</div>',
            *(_svg(chart, kind) for kind in _SIZES),
            f'<div class="axis across">{escaped(chart.x_label)}</div>',
        ]
    )


@matplotlib.rc_context(STYLE)
def _svg(chart: Chart, kind: str) -> str:
    (width, height), num_ticks = _SIZES[kind]
    figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
    if chart.marks:
        figure.get_layout_engine().set(rect=(0, 0, 1, 1 - 20 / height))
    dots = iter(draw_chart(figure.add_subplot(), chart, num_ticks))
    drawing = ElementTree.Element("svg", {"class": kind, "viewBox": f"0 0 {width} {height}"})
    drawing.attrib |= {"role": "img", "aria-label": _described(chart)}
    drawn = ElementTree.fromstring(svg_of(figure))
    # Of a dot there is one definition, and a place for each that is to be seen.
    defined = {part for defs in drawn.iter(f"{_SVG}defs") for part in defs.iter()}
    for element in drawn.iter():
        tag = element.tag.removeprefix(_SVG)
        style = dict(part.split(": ") for part in element.get("style", "").split("; ") if part)
        if element in defined or tag not in _PLACE or style == {"fill": "none"}:
            continue
        # The page's policy forbids styles, but not attributes.
        look = {name: _VARIABLES.get(style[name], style[name]) for name in _LOOK if name in style}
        place = [_rounded(element.get(name)) for name in _PLACE[tag]]
        if tag == "use":
            x, y = place
            dot = ElementTree.SubElement(drawing, "circle", look, r="3", cx=x, cy=y)
            ElementTree.SubElement(dot, "title").text = next(dots)
        else:
            place = dict(zip(_PLACE[tag], place, strict=True))
            ElementTree.SubElement(drawing, tag, place | look).text = element.text
    return ElementTree.tostring(drawing, encoding="unicode")


def _rounded(numbers: str) -> str:
    """A path or a number to a tenth of a pixel.

    >>> _rounded("M 1.234567 2 \\nL 3.987654 4 \\n")
    'M1.2 2L4.0 4'
    """
    numbers = re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.1f}", numbers)
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", numbers.strip())


def _described(chart: Chart) -> str:
    """What the chart shows, for those who do not see it."""
    parts = [
        f"{name}: {shown(points[0][1])} first, {shown(points[-1][1])} last"
        for name, points in ((n, chart.drawable(p)) for n, p in chart.lines.items())
        if points
    ]
    return visible(f"Chart by {chart.x_label}. " + "; ".join(parts))
