"""The picture of a run: the points that are drawn, and a file that is whole."""

import math
import os
import struct

import pytest
from matplotlib.figure import Figure

from tfseq.report.curve import PERPLEXITY, save_curves


def rows(train, validation=()):
    history = [{"epoch": n, "train_perplexity": p} for n, p in enumerate(train, 1)]
    for row, figure in zip(history, validation, strict=False):
        row["validation_perplexity"] = figure
    return history


def lines(axes):
    return {
        line.get_label(): [tuple(map(float, point)) for point in line.get_xydata()]
        for line in axes.lines
    }


@pytest.mark.parametrize(("validation", "sides"), [(4.9, (1, -1)), (5.1, (-1, 1))])
def test_figures_stand_where_the_other_line_is_not(tmp_path, drawn, validation, sides):
    save_curves(rows([9.0, 5.0], [8.0, validation]), tmp_path / "curve.png", [PERPLEXITY])
    (axes,) = drawn
    assert tuple(math.copysign(1, text.xyann[1]) for text in axes.texts) == sides


def test_both_curves(tmp_path, drawn):
    save_curves(
        rows([9.0, 5.0, 4.0], [8.0, 4.5, 4.75]), tmp_path / "curve.png", [PERPLEXITY], title="a run"
    )
    (axes,) = drawn
    assert lines(axes) == {
        "training": [(1, 9), (2, 5), (3, 4)],
        "validation": [(1, 8), (2, 4.5), (3, 4.75)],
    }
    assert axes.get_yscale() == "log"
    assert axes.get_title(loc="left") == "perplexity per token"
    assert axes.get_xlabel() == "epoch"
    assert axes.figure.get_suptitle() == "a run"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "validation"]
    # The last of training and the best of validation are written beside their points.
    assert [(text.get_text(), text.xy) for text in axes.texts] == [
        ("4.00", (3, 4.0)),
        ("4.50", (2, 4.5)),
    ]
    content = (tmp_path / "curve.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (1080, 660)
    assert os.listdir(tmp_path) == ["curve.png"]


def test_without_validation(tmp_path, drawn):
    save_curves(rows([2.0]), tmp_path / "curve.png", [PERPLEXITY])
    assert lines(drawn[0]) == {"training": [(1, 2)]}


def test_infinite_figures_are_left_out(tmp_path, drawn):
    save_curves(
        rows([math.inf, 5.0, math.inf], [math.inf, 7.0, 6.0]), tmp_path / "curve.png", [PERPLEXITY]
    )
    assert lines(drawn[0]) == {"training": [(2, 5)], "validation": [(2, 7), (3, 6)]}
    save_curves(rows([math.inf]), tmp_path / "nothing.png", [PERPLEXITY])
    assert lines(drawn[1]) == {}
    assert (tmp_path / "nothing.png").stat().st_size > 1000


def test_a_long_run_over_many_decades(tmp_path, drawn):
    save_curves(rows([1e9 / n**5 for n in range(1, 501)]), tmp_path / "curve.png", [PERPLEXITY])
    assert drawn[0].lines[0].get_marker() in ("", "None")
    assert len(lines(drawn[0])["training"]) == 500


def test_a_failure_leaves_the_old_picture(tmp_path, monkeypatch):
    path = tmp_path / "curve.png"
    path.write_bytes(b"old")

    def fail(figure, target, **_):
        target.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="no space"):
        save_curves(rows([2.0]), path, [PERPLEXITY])
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["curve.png"]
