"""Charts and the confusion matrix as pictures: what is drawn, named and left out."""

import math

import matplotlib.image
import numpy as np
import pytest

from tfseq.report.confusion_picture import save_confusion_matrix
from tfseq.report.curve import Panel
from tfseq.report.figures import Chart, chart_figure, save_figure
from tfseq.report.style import LIGHT


def named(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_all_that_a_chart_can_have():
    chart = Chart(
        {"series": [(1, 1.0), (10, math.nan), (100, 4.0)], "other": [(1, 2.0)]},
        "step",
        "$x$ in metres",
        log_x=True,
        references={"series": [(1, 1.0), (100, 2.0)], "law": [(1, 3.0)]},
        bands={"series": [(1, 0.5, 1.5), (100, 3.0, 5.0)], "range": [(1, 2.0, 3.0)]},
        marks={"now": 2.0},
        notes=[("series", 100, "the end"), ("other", 1, "above")],
    )
    (axes,) = chart_figure([chart], "a title\x00").axes
    assert axes.figure.get_suptitle() == "a title␀"
    assert (axes.get_title(loc="left"), axes.get_xlabel()) == ("$x$ in metres", "step")
    assert not axes.title.get_parse_math()
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert sorted(named(axes)) == ["law", "other", "range", "series"]
    lines = [
        (line.get_color(), line.get_linestyle() == "--", line.get_xydata().tolist())
        for line in axes.lines
    ]
    blue, red, green = (LIGHT[f"s{n}"] for n in range(3))
    assert sorted(lines) == sorted(
        [
            (blue, True, [[1, 1], [100, 2]]),
            (green, True, [[1, 3]]),
            (blue, False, [[1, 1], [100, 4]]),
            (red, False, [[1, 2]]),
            (LIGHT["soft"], True, [[2, 0], [2, 1]]),
        ]
    )
    corners = axes.patches[0].get_xy().tolist()
    assert corners == [[1, 0.5], [100, 3], [100, 5], [1, 1.5], [1, 0.5]]
    texts = {text.get_text(): (text.xy, text.xyann[1] > 0) for text in axes.texts}
    assert texts == {
        "the end": ((100, 4), True),
        "above": ((1, 2), True),
        "now": ((2, 1), True),
    }


def test_panels_stand_in_rows_and_a_metric_keeps_its_colour():
    rows = [{"epoch": n, "loss": 1 / n, "validation_loss": 2 / n, "f1": n / 4} for n in (1, 2)]
    panels = [
        Panel("loss", "loss", "validation_loss"),
        Panel("F1", None, "f1", best=max),
        Panel("nothing", "absent", None, logarithmic=True),
    ]
    figure = chart_figure([panel.chart(rows) for panel in panels], columns=2)
    assert [axes.get_subplotspec().rowspan.start for axes in figure.axes] == [0, 0, 1]
    loss, f1, nothing = figure.axes
    assert (named(loss), named(f1)) == (["training", "validation"], ["validation"])
    assert loss.lines[1].get_color() == f1.lines[0].get_color() != loss.lines[0].get_color()
    assert [text.get_text() for text in f1.texts] == ["0.500"]
    assert (nothing.get_legend(), len(nothing.lines)) == (None, 0)


def test_names_that_are_too_long_leave_room_for_the_lines(tmp_path):
    long = "a name without an end " * 30
    chart = Chart({long: [(1, 1.0), (2, 2.0)]}, long, long, marks={long: 1})
    figure = chart_figure([chart], long)
    save_figure(figure, tmp_path / "long.png")
    (axes,) = figure.axes
    assert axes.get_position().width > 0.8
    assert axes.get_position().height > 0.6
    assert named(axes)[0].endswith("…")
    assert len(named(axes)[0]) == 60


def test_a_picture_is_the_same_each_time(tmp_path):
    chart = Chart({"直 $x": [(1, 1.0), (2, 2.0)]}, "x", "y")
    for name in ("a.png", "b.png"):
        save_figure(chart_figure([chart]), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("size", [2, 31, 61])
def test_confusion(tmp_path, drawn, size):
    confusion = np.zeros((size, size), int)
    confusion[0, 0], confusion[0, 1], confusion[1, 1] = 3, 1, 7
    labels = ["$x$", "y" * 30, *map(str, range(2, size))]
    save_confusion_matrix(confusion, labels, tmp_path / "c.png", "a title")
    (axes,) = drawn
    assert axes.images[0].get_array()[:2, :2].tolist() == [[0.75, 0.25], [0, 1]]
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == ({(0, 0): "3", (1, 0): "1", (1, 1): "7"} if size == 2 else {})
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert names == [text.get_text() for text in axes.get_yticklabels()]
    assert names == (["$x$", "y" * 19 + "…", *labels[2:]] if size < 61 else [])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("prediction", "label")
    height, width, _ = matplotlib.image.imread(tmp_path / "c.png").shape
    assert height == width > 400
