"""What a study of gradients through time leaves behind: numbers, pictures and a report."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfseq.analysis.gradient_flow_options import GradientFlowOptions
from tfseq.analysis.gradient_flow_study import GONE, prepare_gradient_flow, reach
from tfseq.cells.table import TEXTBOOK_KINDS, cell_title
from tfseq.files.result_directory import new_directory
from tfseq.options.saving import absolute_paths, to_json, without_places
from tfseq.report import Report
from tfseq.report.figures import Chart, chart_figure, save_figure
from tfseq.text import CORPUS_NAMES

_STAGES = {"start": "at the start", "trained": "after training"}
_BACK = "steps back, T − t"


def run_gradient_flow(options: GradientFlowOptions, log: Callable[[str], None] = print) -> Path:
    """Do the study and write its results; returns their directory.

    Raises InputError if the corpus or the result directory cannot be used.
    """
    study = prepare_gradient_flow(options, log)
    return write_gradient_flow(study.path, study.options, study.measure())


def write_gradient_flow(
    path: str | os.PathLike, options: GradientFlowOptions, results: dict[str, Any]
) -> Path:
    """Make the directory of the configuration, numbers, pictures and report, whole or not at all.

    `results` are those of `GradientFlowStudy.measure`. Raises InputError if it cannot be made.
    """
    layers = reversed(range(options.num_layers))
    pictures = {
        "cells": ([chart for layer in layers for chart in cell_charts(results, layer)], 2),
        "radii": ([radius_chart(results)], 1),
        "clipping": (clipping_charts(results), 3),
    }
    config = to_json(absolute_paths(options, names=CORPUS_NAMES))
    with new_directory(path, "result_dir") as directory:
        for name, content in (("config", config), ("figures", results)):
            text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
            (directory / f"{name}.json").write_text(text, encoding="utf-8")
        for name, (charts, columns) in pictures.items():
            save_figure(chart_figure(charts, columns=columns), directory / f"{name}.png")
        gradient_flow_report(options, results).write(directory / "report.html")
    return Path(path)


def cell_charts(results: dict[str, Any], layer: int = -1) -> list[Chart]:
    """The cells side by side: losses above, states below, at the start and trained."""
    cells = results["cells"]
    num_layers = len(next(iter(cells.values()))["start"]["loss"])
    of_layer = f", layer {layer % num_layers + 1}" if num_layers > 1 else ""
    labels = {"loss": "‖∂L_T / ∂s_t‖", "states": f"‖∂s_T / ∂s_t‖, {results['norm']} norm"}
    return [
        Chart(
            {
                cell_title(cell): [*enumerate(stages[stage][key][layer])]
                for cell, stages in cells.items()
                if stages[stage]
            },
            _BACK,
            f"{label}, {when}{of_layer}",
            log_y=True,
        )
        for key, label in labels.items()
        for stage, when in _STAGES.items()
    ]


def radius_chart(results: dict[str, Any]) -> Chart:
    """Products of Jacobians by spectral radius, beside those of a linear network."""
    lines, linear = {}, {}
    for radius, measured in results["radii"].items():
        name, growth = f"radius {float(radius):g}", math.log(float(radius))
        lines[name] = [*enumerate(measured["states"][0])]
        linear[name] = [(n, math.exp(n * growth)) for n, _ in lines[name] if n * growth < 600]
    label = f"‖∂h_T / ∂h_t‖, {results['norm']} norm; dashed: a linear network"
    return Chart(lines, _BACK, label, log_y=True, references=linear)


def clipping_charts(results: dict[str, Any]) -> list[Chart]:
    """Norms before and after clipping, norms and losses with and without it, by step."""

    def by_step(label, log_y=False, **lines):
        lines = {name.replace("_", " "): [*enumerate(values, 1)] for name, values in lines.items()}
        return Chart(lines, "step", label, log_y=log_y)

    clipped, unclipped = (results["clipping"][name] for name in ("clipped", "unclipped"))
    before, after, without = clipped["norm_before"], clipped["norm_after"], unclipped["norm_before"]
    losses = {"with_clipping": clipped["losses"], "without": unclipped["losses"]}
    norm = "global norm of the gradient"
    return [
        by_step(f"{norm}, with clipping", before_clipping=before, after_clipping=after),
        by_step(f"{norm}, before clipping", log_y=True, with_clipping=before, without=without),
        by_step("loss in nats per character", **losses),
    ]


def gradient_flow_report(options: GradientFlowOptions, results: dict[str, Any]) -> Report:
    """The study as a page to read."""
    report = Report("Gradients through time", f"{options.units} units, on {options.corpus}")
    states = ", ".join(f"{kind.state} of the {kind.title}" for kind in TEXTBOOK_KINDS)
    report.section("Cells").prose(
        "L_T is the loss of a window's last character, s_t the state after character t: "
        f"{states}. Norms are means over {options.num_rows} windows; a product of Jacobians is "
        f"measured by its {options.norm} norm. Models at the start, and after "
        f"{options.train_steps} steps of Adam."
    )
    for chart in cell_charts(results):
        report.chart(chart)
    steps = options.num_steps - 1
    report.table(
        ["cell", "", f"below {GONE:.0%} at", f"share left {steps} steps back"],
        [
            [
                cell_title(cell),
                when,
                reach(norms["loss"][-1]),
                norms["loss"][-1][-1] / norms["loss"][-1][0],
            ]
            for cell, stages in results["cells"].items()
            for stage, when in _STAGES.items()
            if (norms := stages[stage])
        ],
        caption="‖∂L_T / ∂s_t‖ as a share of that of the last step",
    )
    report.section("Spectral radius").prose(
        "The simple RNN at the start, W_hh scaled so that its largest eigenvalue has the radius "
        "given. A linear network would grow by just that factor a step. The slope of tanh is at "
        "most 1, and less the larger the state, so a radius above 1 is needed to keep a gradient, "
        "and a larger one to make it explode."
    )
    report.chart(radius_chart(results))
    report.table(
        ["radius", "factor a step", f"over {steps} steps", "gradient"],
        [
            [
                float(r),
                v["growth"],
                v["states"][0][-1],
                "vanishes" if v["growth"] < 1 else "explodes",
            ]
            for r, v in results["radii"].items()
        ],
    )
    report.section("Clipping").prose(
        f"The simple RNN from a radius of {options.clip_radius:g}, plain gradient descent at "
        f"learning rate {options.clip_learning_rate:g}: g ← g · min(1, {options.clip_norm:g} / "
        "‖g‖), beside the same steps without it."
    )
    for chart in clipping_charts(results):
        report.chart(chart)
    for name, measured in zip(("With", "Without"), results["clipping"].values(), strict=True):
        if measured["diverged"]:
            step = len(measured["losses"]) + 1
            report.prose(f"{name} clipping, training diverged at step {step}.")
    return report.configuration(without_places(options))
