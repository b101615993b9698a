"""Charts drawn by Matplotlib, in one style: saved as PNG, or put into a page as SVG."""

import io
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfseq.files.atomic_file import atomic_file
from tfseq.report.format import clipped, shown, visible
from tfseq.report.style import LIGHT, NUM_COLOURS

Points = Sequence[tuple[float, float]]
Band = Sequence[tuple[float, float, float]]

# Where a line has more points than this, no line of the chart has dots.
MAX_DOTS = 40
# An axis needs room beyond what is drawn.
_SMALLEST, _LARGEST = 1e-290, 1e250
#: Matplotlib's settings while a figure is made. A point of a figure is a pixel of a page; a
#: picture has half as many again, for sharp screens.
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "text.color": LIGHT["ink"],
    # A dollar sign in a name is a dollar sign.
    "text.parse_math": False,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "axes.edgecolor": LIGHT["rule"],
    "axes.labelcolor": LIGHT["soft"],
    "axes.titlecolor": LIGHT["soft"],
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.grid": True,
    "axes.grid.axis": "y",
    **{f"axes.spines.{side}": False for side in ("left", "right", "top")},
    "grid.color": LIGHT["rule"],
    "figure.dpi": 108,
    "figure.titlesize": 13,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "path.simplify_threshold": 0.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "tfseq",
}


@dataclass(frozen=True)
class Chart:
    """Lines against one quantity, and what is drawn with them.

    A line, a band and a reference of one name have one colour. Points that are not finite, or not
    positive on a logarithmic axis, are left out.

    Attributes:
        lines: name -> points `(x, y)`, in order of x.
        x_label: what x is.
        y_label: what y is, with its unit.
        log_x, log_y: logarithmic axes.
        bands: name -> `(x, low, high)`, an area.
        references: name -> points of a dashed line, such as a law or a baseline.
        marks: label -> x, upright lines.
        notes: `(name, x, text)`, a text beside the point of a line.

    Raises:
        ValueError: there are more names than colours.
    """

    lines: Mapping[str, Points]
    x_label: str
    y_label: str
    log_x: bool = False
    log_y: bool = False
    bands: Mapping[str, Band] = field(default_factory=dict)
    references: Mapping[str, Points] = field(default_factory=dict)
    marks: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[tuple[str, float, str]] = ()

    def __post_init__(self):
        if len(self.names) > NUM_COLOURS:
            raise ValueError(
                f"a chart has at most {NUM_COLOURS} lines. Received: {len(self.names)}."
            )

    @property
    def names(self) -> list[str]:
        """What the legend lists, in the order of the colours."""
        return list(dict.fromkeys([*self.lines, *self.references, *self.bands]))

    def colour(self, name: str) -> str:
        """The colour of a name, one of the page's."""
        return LIGHT[f"s{self.names.index(name)}"]

    def drawable(self, points: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
        """The points that have a place on the axes.

        >>> chart = Chart({}, "x", "y", log_y=True)
        >>> chart.drawable([(1, 0.0), (2, None), (3, math.inf), (4, 5)])
        [(4.0, 5.0)]
        """

        def has_place(value, log):
            return value is not None and (_SMALLEST if log else -_LARGEST) < float(value) < _LARGEST

        return [
            tuple(map(float, (x, *ys)))
            for x, *ys in points
            if has_place(x, self.log_x) and all(has_place(y, self.log_y) for y in ys)
        ]


@matplotlib.rc_context(STYLE)
def chart_figure(charts: Sequence[Chart], title: str = "", columns: int | None = None) -> Figure:
    """Charts as one Matplotlib figure, each with its labels and its legend.

    They are placed row by row, `columns` in each; None puts all into one.
    """
    columns = columns or len(charts)
    rows = math.ceil(len(charts) / columns)
    width = 720 if columns == 1 else 480 * columns
    height = 440 if len(charts) == 1 else 330 * rows
    figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
    figure.suptitle(clipped(title, 90))
    for place, chart in enumerate(charts, start=1):
        axes = figure.add_subplot(rows, columns, place)
        draw_chart(axes, chart)
        axes.set_title(clipped(chart.y_label), pad=20 if chart.marks else None)
        axes.set_xlabel(clipped(chart.x_label))
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper right")
    return figure


def save_figure(figure: Figure, path: str | os.PathLike) -> None:
    """Write a Matplotlib figure as PNG, aside, and rename it into place."""
    with atomic_file(path) as aside:
        _render(figure, aside, format="png")


def svg_of(figure: Figure) -> bytes:
    """A Matplotlib figure as SVG on no ground of its own, the same bytes each time."""
    buffer = io.BytesIO()
    _render(figure, buffer, format="svg", facecolor="none", metadata={"Date": None})
    return buffer.getvalue()


@matplotlib.rc_context(STYLE)
def _render(figure, target, **settings) -> None:
    with warnings.catch_warnings():
        # Characters that the font lacks are drawn as boxes, and that is all.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(target, **settings)


def draw_chart(axes: Any, chart: Chart, num_ticks: tuple[int, int] = (9, 6)) -> list[str]:
    """Draw a chart without the labels of its axes, with about `num_ticks` numbers along them.

    While it does, `STYLE` must hold. Returns what each dot stands for, in the order of drawing.
    """
    axes.set(xscale="log" if chart.log_x else "linear", yscale="log" if chart.log_y else "linear")
    bands, references, lines = (
        {name: kept for name, points in kind.items() if (kept := chart.drawable(points))}
        for kind in (chart.bands, chart.references, chart.lines)
    )
    few, dots = max(map(len, lines.values()), default=0) <= MAX_DOTS, []
    for name, points in lines.items():
        dotted = few or len(points) == 1
        axes.plot(
            *zip(*points, strict=True),
            color=chart.colour(name),
            label=clipped(name),
            linewidth=1.9 if len(points) < 400 else 1.2,
            marker="o" if dotted else "",
            markersize=5,
            clip_on=False,
        )
        dots += [f"{visible(name)}: {shown(y)} at {shown(x)}" for x, y in points if dotted]
    for name, points in [*references.items(), *bands.items()]:
        label = None if name in lines else clipped(name)
        look = {"color": chart.colour(name), "label": label, "zorder": 1.9}  # Below the lines.
        xs, lows, *highs = zip(*points, strict=True)
        if highs:
            outline = [*xs, *reversed(xs)], [*lows, *reversed(highs[0])]
            axes.fill(*outline, alpha=0.17, linewidth=0, **look)
        else:
            axes.plot(xs, lows, linewidth=1.2, dashes=(4, 3), **look)
    axes.margins(x=0.02, y=0.08)
    for name, x, text in chart.notes:
        if (y := dict(lines.get(name, ())).get(x)) is None:
            continue  # The point has no place on the axes.
        # On the side of its line where no other is.
        others = (dict(points).get(x, -math.inf) for n, points in lines.items() if n != name)
        above = all(y > other for other in others)
        _write(axes, text, (x, y), (0, 7 if above else -7), "center", chart.colour(name))
    marks = {label: x for label, x in chart.marks.items() if chart.drawable([(x, 1.0)])}
    for label, x in marks.items():
        axes.axvline(x, color=LIGHT["soft"], dashes=(4, 3), linewidth=1)
        low, high = axes.get_xlim()
        late = x > (math.sqrt(low * high) if chart.log_x else (low + high) / 2)
        offset, side = ((-5, 4), "right") if late else ((5, 4), "left")
        # However long it is, it takes no room from the axes.
        top = {"xycoords": axes.get_xaxis_transform(), "in_layout": False}
        _write(axes, label, (x, 1), offset, side, LIGHT["soft"], **top)
    axes.tick_params(length=0, pad=6, labelcolor=LIGHT["soft"])
    axes.minorticks_off()
    points = [p for kind in (lines, references) for points in kind.values() for p in points]
    for n, (axis, log) in enumerate([(axes.xaxis, chart.log_x), (axes.yaxis, chart.log_y)]):
        # Epochs and steps are not halved.
        whole = all(point[n].is_integer() for point in points)
        axis.set_ticks(*ticks(*axis.get_view_interval(), num_ticks[n], log, whole))
    return dots


def _write(axes, text, place, offset, side, colour, **settings) -> None:
    axes.annotate(
        clipped(text),
        place,
        xytext=offset,
        textcoords="offset points",
        horizontalalignment=side,
        verticalalignment="bottom" if offset[1] > 0 else "top",
        color=colour,
        **settings,
    )


def ticks(
    low: float, high: float, count: int, log: bool = False, whole: bool = False
) -> tuple[list[float], list[str]]:
    """Round numbers from `low` to `high`, about `count`, and how they are written.

    >>> ticks(0.9, 3.1, 9, whole=True), ticks(-1, 0, 3)
    (([1.0, 2.0, 3.0], ['1', '2', '3']), ([-1.0, -0.5, 0.0], ['−1.0', '−0.5', '0.0']))
    >>> ticks(0.5, 99, 5, log=True)[1], ticks(0, 2e7, 2)[1]
    (['1', '3', '10', '30'], ['0', '10⁷', '2 × 10⁷'])
    """
    if log := log and high > 4 * low:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        stride = math.ceil((math.log10(high) - math.log10(low)) / count)
        for factors in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
            values = [factor * 10.0**d for d in decades if d % stride == 0 for factor in factors]
            values = [value for value in values if low <= value <= high]
            if len(values) <= count:
                break
    else:
        locator = MaxNLocator(count, steps=[1, 2, 5, 10], integer=whole, min_n_ticks=1)
        values = [float(v) for v in locator.tick_values(low, high) if low <= v <= high]
    short = [shown(value).removeprefix("1 × ") for value in values]
    # As many digits as tell each from the next.
    step = values[1] - values[0] if len(values) > 1 else 1.0
    digits = max(0, math.ceil(-math.log10(step) - 1e-9))
    texts = [f"{value:,.{digits}f}".replace("-", "−") for value in values]
    shorter = max(map(len, texts), default=0) > 8 and len({*short}) == len(short)
    return values, short if log or shorter else texts
