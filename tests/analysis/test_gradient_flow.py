"""The study of gradients through time: its figures, its directory, and bad input."""

import json
import os

import numpy as np
import pytest

from tfseq.analysis.gradient_flow_options import GradientFlowOptions
from tfseq.analysis.gradient_flow_results import radius_chart, run_gradient_flow
from tfseq.analysis.gradient_flow_study import prepare_gradient_flow
from tfseq.errors import InputError
from tfseq.options.configuration import check_options
from tfseq.report.figures import chart_figure

SMALL = {
    "units": 8,
    "num_steps": 12,
    "num_rows": 2,
    "batch_size": 4,
    "train_steps": 3,
    "clip_steps": 4,
    "clip_norm": 0.3,
    "radii": "0.2,1,4",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("study")
    chance = np.random.default_rng(0)
    (place / "text.txt").write_text("".join(chance.choice(list("abcde \n"), 2000)))
    (place / "short.txt").write_text("too short")
    (place / "taken").mkdir()
    (place / "taken" / "file").touch()
    return place


def make_options(place, **changes):
    options = {"corpus": str(place / "text.txt"), "result_dir": str(place / "results"), **SMALL}
    options = GradientFlowOptions(**{**options, **changes})
    check_options(options)
    return options


@pytest.fixture(scope="module")
def results(place):
    """The lines that were said, and the directory."""
    lines, options = [], make_options(place)
    return lines, run_gradient_flow(options, lines.append)


def test_the_directory_is_whole(results, place):
    _, path = results
    assert sorted(os.listdir(path)) == [
        "cells.png",
        "clipping.png",
        "config.json",
        "figures.json",
        "radii.png",
        "report.html",
    ]
    assert not list(place.rglob("*.partial"))
    assert json.loads((path / "config.json").read_text())["radii"] == "0.2,1,4"
    for name in ("cells", "clipping", "radii"):
        assert (path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "explodes" in (path / "report.html").read_text()


def test_a_power_beyond_the_largest_float_is_left_out():
    states = [1.0, 1e200, 1e300] + [1e-9] * 200
    chart = radius_chart({"radii": {"100": {"states": [states]}}, "norm": "spectral"})
    figure = chart_figure([chart])
    assert figure.axes[0].get_lines()
    for line in figure.axes[0].get_lines():
        drawn = np.ma.masked_invalid(line.get_ydata()).compressed()
        assert 0 < drawn.min() <= drawn.max() < 1e300
    assert figure.axes[0].get_ylim()[1] < 1e300


def test_figures(results):
    lines, path = results
    figures = json.loads((path / "figures.json").read_text())
    assert list(figures["cells"]) == ["rnn", "gru", "lstm"]
    assert list(figures["radii"]) == ["0.2", "1.0", "4.0"]
    for stages in figures["cells"].values():
        assert len(stages["losses"]) == 3
        for stage in ("start", "trained"):
            assert np.shape(stages[stage]["loss"]) == np.shape(stages[stage]["states"]) == (1, 12)
            # No step back: the identity.
            assert stages[stage]["states"][0][0] == pytest.approx(1)
        assert stages["start"] != stages["trained"]
    # The slope of tanh is at most 1, and W_hh is orthogonal but for its radius: a bound.
    for radius, found in figures["radii"].items():
        steps = np.arange(12)
        assert (np.array(found["states"][0]) <= float(radius) ** steps * 1.001).all()
    growth = [found["growth"] for found in figures["radii"].values()]
    assert growth == sorted(growth)
    assert growth[0] < 0.2
    assert growth[1] < 1 < growth[2]
    clipped, unclipped = figures["clipping"]["clipped"], figures["clipping"]["unclipped"]
    assert clipped["norm_after"] == [min(norm, 0.3) for norm in clipped["norm_before"]]
    assert max(clipped["norm_before"]) > 0.3
    assert unclipped["norm_after"] == unclipped["norm_before"]
    # The same start, and another way as soon as a gradient has been clipped.
    assert clipped["losses"][0] == unclipped["losses"][0]
    assert clipped["losses"][-1] != unclipped["losses"][-1]
    told = [line for line in lines if line.startswith("radius")]
    assert [line.split()[1] for line in told] == ["0.2", "1", "4"]
    assert [line.split()[-1] for line in told] == ["vanishes", "vanishes", "explodes"]


def test_bad_input_leaves_nothing(place):
    before = sorted(place.rglob("*"))
    for changes, words in [
        ({"corpus": str(place / "nowhere.txt")}, "nowhere.txt"),
        ({"corpus": str(place / "short.txt")}, "too short"),
        ({"result_dir": str(place / "taken")}, "`result_dir` .* exists. Name another"),
        ({"result_dir": str(place / "text.txt" / "x")}, "`result_dir` .* not a directory"),
        ({"radii": "1,a"}, "radii` must be one to six different numbers"),
        ({"radii": "1,1.0"}, "radii`"),
        ({"num_steps": 1}, "num.steps` must be an integer from 2 to 1000"),
        ({"norm": "max"}, "norm`"),
    ]:
        with pytest.raises(InputError, match=words):
            prepare_gradient_flow(
                make_options(place, **{"result_dir": str(place / "new"), **changes})
            )
    assert sorted(place.rglob("*")) == before
