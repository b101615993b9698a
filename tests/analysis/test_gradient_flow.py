"""The study of gradients through time: its figures, its directory, and bad input."""

import json
import math
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.analysis.gradient_flow_options import GradientFlowOptions
from tfseq.analysis.gradient_flow_results import (
    cell_charts,
    radius_chart,
    run_gradient_flow,
    write_gradient_flow,
)
from tfseq.analysis.gradient_flow_study import prepare_gradient_flow, train
from tfseq.cells.table import TEXTBOOK_KINDS
from tfseq.data import sequential_windows
from tfseq.errors import InputError
from tfseq.models import LanguageModel
from tfseq.options.rules import check_options
from tfseq.report.figures import chart_figure

# A run is trained first.
pytestmark = pytest.mark.slow

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


def test_training_is_clipped_gradient_descent_with_the_state_carried():
    """The same steps one op at a time, over two epochs of windows."""
    options = GradientFlowOptions(batch_size=4, num_steps=12, seed=3)
    ids = np.random.default_rng(0).integers(0, 7, 500)
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        models.append(LanguageModel(7, "rnn", 8, embedding_size=3))
    optimizer = keras.optimizers.SGD(0.5)
    losses, norms, diverged = train(models[0], optimizer, ids, options, 15, clip_norm=0.45)
    model, expected = models[1], []
    for epoch in (0, 1):
        states = model.initial_states(4)
        for inputs, targets in sequential_windows(ids, 4, 12, seed=3, epoch=epoch):
            with tf.GradientTape() as tape:
                logits, states = model(inputs, states=states, return_states=True)
                log_p = tf.nn.log_softmax(logits)
                loss = -tf.reduce_mean(tf.gather(log_p, targets, batch_dims=2))
            gradients = tape.gradient(loss, model.trainable_variables)
            gradients = [tf.convert_to_tensor(g).numpy() for g in gradients]
            norm = math.sqrt(sum((g.astype("float64") ** 2).sum() for g in gradients))
            for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
                variable.assign_sub(0.5 * gradient * min(1, 0.45 / norm))
            expected.append((float(loss), norm))
    assert len(expected) / 2 < 15 < len(expected)
    assert max(norms) > 0.45 > min(norms)
    np.testing.assert_allclose([*zip(losses, norms, strict=True)], expected[:15], rtol=1e-4)
    assert not diverged


def test_training_ends_where_it_diverges():
    options = GradientFlowOptions(batch_size=4, num_steps=12)
    ids = np.random.default_rng(0).integers(0, 7, 500)
    optimizer = keras.optimizers.Adam(2e38)
    losses, norms, diverged = train(LanguageModel(7, "gru", 8), optimizer, ids, options, 9, None)
    assert (len(losses), len(norms), diverged) == (1, 1, True)


def test_a_study_that_diverges_says_where(results, place):
    """The rest of it is as it was; with two layers, the page shows the top one."""
    figures = json.loads((results[1] / "figures.json").read_text())
    options = make_options(place, num_layers=2)
    for stages in figures["cells"].values():
        stages["start"] = {key: [[7.0] * 12, *layers] for key, layers in stages["start"].items()}
        stages["trained"] = None
    figures["clipping"]["unclipped"] |= {"diverged": True, "losses": [1.5, 2.5]}
    path = write_gradient_flow(place / "diverged", options, figures)
    page = (path / "report.html").read_text()
    assert "Without clipping, training diverged at step 3." in page
    assert page.count("There is no finite value to draw.") == 2
    assert "‖∂L_T / ∂s_t‖, at the start, layer 2" in page
    assert "layer 1" not in page
    assert "GRU: 7 first" not in page
    charts = cell_charts(figures, layer=0)
    assert [chart.y_label.rpartition(", ")[2] for chart in charts] == ["layer 1"] * 4
    assert charts[0].lines["GRU"] == [(n, 7.0) for n in range(12)]


def test_every_cell_of_the_results_is_drawn(results, place):
    figures = json.loads((results[1] / "figures.json").read_text())
    assert figures["state"] == {kind.name: kind.state for kind in TEXTBOOK_KINDS}
    figures["cells"]["my_cells:Leaky"] = figures["cells"]["gru"]
    titles = [*(kind.title for kind in TEXTBOOK_KINDS), "my_cells:Leaky"]
    assert [list(chart.lines) for chart in cell_charts(figures)] == [titles] * 4
    page = (results[1] / "report.html").read_text()
    assert "the state after character t: h of the simple RNN, h of the GRU, [h, c] of the" in page
