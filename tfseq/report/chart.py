"""A chart of lines as inline SVG, in the colours of the page it is in."""

import math
from collections.abc import Mapping, Sequence

from tfseq.report.axis import Axis
from tfseq.report.format import escaped, shown
from tfseq.report.style import NUM_COLOURS

Points = Sequence[tuple[float, float]]
Band = Sequence[tuple[float, float, float]]

# Where a line has more points than this, no line of the chart has dots.
MAX_DOTS = 32
# One drawing for a wide page and one for a narrow one, so that letters keep their size.
SIZES = {"wide": (780, 312), "narrow": (350, 232)}


def line_chart(
    lines: Mapping[str, Points],
    x_label: str,
    y_label: str,
    log_x: bool = False,
    log_y: bool = False,
    bands: Mapping[str, Band] | None = None,
    marks: Mapping[str, float] | None = None,
) -> str:
    """HTML of a legend and a chart; the legend is left out where there is one line.

    Figures that are not finite, or not positive on a logarithmic axis, are left out.

    Args:
        lines: name -> points `(x, y)`, in order of x; at most 6 lines.
        x_label: what x is.
        y_label: what y is, with its unit.
        log_x, log_y: logarithmic axes.
        bands: name -> `(x, low, high)`, an area; that of a line's name has its colour.
        marks: label -> x, upright lines.

    Raises:
        ValueError: there are more lines and bands than colours.

    Example:

    >>> chart = line_chart({"loss": [(1, 2.0), (2, 1.0)]}, "epoch", "nats")
    >>> chart.count("<svg"), "<title>loss: 1 at 2</title>" in chart
    (2, True)
    """
    bands, marks = dict(bands or {}), dict(marks or {})
    names = list(dict.fromkeys([*lines, *bands]))
    if len(names) > NUM_COLOURS:
        raise ValueError(f"a chart has at most {NUM_COLOURS} lines. Received: {len(names)}.")
    kept = {name: _kept(points, log_x, log_y) for name, points in lines.items()}
    areas = {name: _kept(points, log_x, log_y) for name, points in bands.items()}
    everything = [*kept.values(), *areas.values()]
    xs = [p[0] for points in everything for p in points] + list(marks.values())
    ys = [y for points in everything for p in points for y in p[1:]]
    if not ys:
        return '<p class="soft">There is no finite figure to draw.</p>'
    drawings = "\n".join(
        _drawing(kind, kept, areas, marks, names, Axis(xs, log_x), Axis(ys, log_y, 0.06), x_label)
        for kind in SIZES
    )
    keys = "".join(f'<li><i class="s{n}"></i>{escaped(name)}</li>' for n, name in enumerate(names))
    legend = f'<ul class="keys">{keys}</ul>\n' if len(names) > 1 else ""
    above = f'<div class="axis">{escaped(y_label)}</div>'
    below = f'<div class="axis across">{escaped(x_label)}</div>'
    return f"{legend}{above}\n{drawings}\n{below}"


def _drawing(kind, lines, bands, marks, names, x_axis, y_axis, x_label) -> str:
    width, height = SIZES[kind]
    y_ticks = y_axis.ticks(6 if kind == "wide" else 5)
    left = 14 + 7 * max(len(label) for _, label in y_ticks)
    right, top, bottom = width - 22, 22 if marks else 10, height - 26

    def place(x, y):
        return (
            f"{left + (right - left) * x_axis.share(x):.1f}",
            f"{bottom - (bottom - top) * y_axis.share(y):.1f}",
        )

    parts = []
    for value, label in y_ticks:
        y = place(x_axis.low, value)[1]
        parts.append(f'<path class="grid" d="M{left} {y}H{right}"/>')
        parts.append(f'<text x="{left - 8}" y="{y}" dy="4" text-anchor="end">{label}</text>')
    for value, label in x_axis.ticks(9 if kind == "wide" else 5):
        x = place(value, y_axis.low)[0]
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{label}</text>')
    for label, value in marks.items():
        x = place(value, y_axis.low)[0]
        late = x_axis.share(value) > 0.5
        anchor = ("end", -5) if late else ("start", 5)
        parts.append(f'<path class="mark" d="M{x} {top - 12}V{bottom}"/>')
        parts.append(
            f'<text x="{x}" dx="{anchor[1]}" y="{top - 3}" text-anchor="{anchor[0]}">'
            f"{escaped(label)}</text>"
        )
    for name, points in bands.items():
        upper = [" ".join(place(x, high)) for x, _, high in points]
        lower = [" ".join(place(x, low)) for x, low, _ in reversed(points)]
        if points:
            path = "M" + "L".join([*upper, *lower]) + "Z"
            parts.append(f'<path class="band s{names.index(name)}" d="{path}"/>')
    dotted = max(map(len, lines.values()), default=0) <= MAX_DOTS
    for name, points in lines.items():
        parts.append(_line(f"s{names.index(name)}", name, points, place, right - left, dotted))
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escaped(_described(lines, x_label))}">{"".join(parts)}</svg>'
    )


def _line(colour, name, points, place, columns, dotted) -> str:
    places = [place(x, y) for x, y in _thinned(points, columns)]
    fine = " fine" if len(points) > columns else ""
    path = "M" + "L".join(" ".join(p) for p in places) if places else ""
    parts = [f'<path class="line{fine}" d="{path}"/>'] if len(places) > 1 else []
    if dotted or len(points) == 1:
        parts += [
            f'<circle class="dot" cx="{cx}" cy="{cy}" r="3">'
            f"<title>{escaped(name)}: {shown(y)} at {shown(x)}</title></circle>"
            for (cx, cy), (x, y) in zip(places, points, strict=True)
        ]
    return f'<g class="{colour}">{"".join(parts)}</g>'


def _kept(points, log_x, log_y) -> list[tuple[float, ...]]:
    def drawable(point):
        x, *ys = point
        return (
            all(v is not None and math.isfinite(v) for v in point)
            and not (log_x and x <= 0)
            and not (log_y and min(ys) <= 0)
        )

    return [tuple(map(float, point)) for point in points if drawable(point)]


def _thinned(points, columns) -> list[tuple[float, float]]:
    """At most four points of each column: where the line enters, leaves, is lowest, highest."""
    if len(points) <= 4 * columns:
        return list(points)
    size = math.ceil(len(points) / columns)
    kept = []
    for start in range(0, len(points), size):
        column = points[start : start + size]
        ends = {0, len(column) - 1}
        ys = [y for _, y in column]
        ends |= {ys.index(min(ys)), ys.index(max(ys))}
        kept += [column[i] for i in sorted(ends)]
    return kept


def _described(lines, x_label) -> str:
    """What the chart shows, for those who do not see it."""
    told = [
        f"{name}: {shown(points[0][1])} first, {shown(points[-1][1])} last"
        for name, points in lines.items()
        if points
    ]
    return f"Chart by {x_label}. " + "; ".join(told)
