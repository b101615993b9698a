"""What a study of gradients through time leaves behind: figures, pictures and a report."""

import json
import math
import os
from pathlib import Path
from typing import Any

from tfseq.analysis.gradient_flow import CELLS, GONE, reach
from tfseq.analysis.gradient_flow_options import GradientFlowOptions
from tfseq.analysis.gradient_flow_pictures import (
    draw_cells,
    draw_clipping,
    draw_radii,
)
from tfseq.cells.table import KINDS
from tfseq.files.result_directory import new_directory
from tfseq.options.saving import absolute_paths, to_json, without_places
from tfseq.report import Report
from tfseq.report.curve import save_figure
from tfseq.text import CORPUS_NAMES

_NAMES = {kind.name: kind.title for kind in KINDS}


def write_gradient_flow(
    path: str | os.PathLike, options: GradientFlowOptions, figures: dict[str, Any]
) -> Path:
    """Make the result directory, whole or not at all.

    It holds `config.json`, `figures.json`, `cells.png`, `radii.png`, `clipping.png` and
    `report.html`.

    Args:
        path: the directory; nothing may be there.
        options: the options.
        figures: what `GradientFlow.figures` gave.

    Raises:
        InputError: the directory cannot be made.
    """
    with new_directory(path, "result_dir") as directory:
        config = to_json(absolute_paths(options, names=CORPUS_NAMES))
        for name, content in (("config", config), ("figures", figures)):
            text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
            (directory / f"{name}.json").write_text(text, encoding="utf-8")
        save_figure(draw_cells(figures), directory / "cells.png")
        save_figure(draw_radii(figures), directory / "radii.png")
        save_figure(draw_clipping(figures, options.clip_norm), directory / "clipping.png")
        gradient_flow_report(options, figures).write(directory / "report.html")
    return Path(path)


def gradient_flow_report(options: GradientFlowOptions, figures: dict[str, Any]) -> Report:
    """The study as a page to read."""
    report = Report("Gradients through time", f"{options.units} units, on {options.corpus}")
    back = "steps back, T − t"
    report.section("Three cells").prose(
        "L_T is the loss of a window's last character, s_t the state after character t: h, and "
        "for an LSTM the pair [h, c]. Norms are means over "
        f"{options.num_rows} windows; a product of Jacobians is measured by its "
        f"{options.norm} norm. Models at the start, and after {options.train_steps} steps of Adam."
    )
    stages = [("start", "at the start"), ("trained", "after training")]
    for key, label in (("loss", "‖∂L_T / ∂s_t‖"), ("states", "‖∂s_T / ∂s_t‖")):
        for stage, when in stages:
            lines = {
                _NAMES[cell]: list(enumerate(figures["cells"][cell][stage][key][-1]))
                for cell in CELLS
                if figures["cells"][cell][stage]
            }
            caption = f"{when}, top layer" if options.num_layers > 1 else when
            report.chart(lines, back, label, log_y=True, caption=caption.capitalize())
    rows = []
    for cell in CELLS:
        for stage, when in stages:
            norms = figures["cells"][cell][stage]
            if norms:
                top = norms["loss"][-1]
                rows.append([_NAMES[cell], when, reach(top), top[-1] / top[0]])
    report.table(
        ["cell", "", f"below {GONE:.0%} at", f"share left {options.num_steps - 1} steps back"],
        rows,
        caption="‖∂L_T / ∂s_t‖ as a share of that of the last step",
    )
    report.section("Spectral radius").prose(
        "The simple RNN at the start, W_hh scaled so that its largest eigenvalue has the radius "
        "given. A linear network would grow by just that factor a step. The slope of tanh is at "
        "most 1, and less the larger the state, so a radius above 1 is needed to keep a gradient, "
        "and a larger one to make it explode."
    )
    report.chart(
        {
            f"radius {float(r):g}": list(enumerate(v["states"][0]))
            for r, v in figures["radii"].items()
        },
        back,
        f"‖∂h_T / ∂h_t‖, {options.norm}",
        log_y=True,
    )
    report.table(
        ["radius", "factor a step", f"over {options.num_steps - 1} steps", "gradient"],
        [
            [float(r), v["growth"], v["states"][0][-1], _fate(v["growth"])]
            for r, v in figures["radii"].items()
        ],
    )
    _add_clipping(report, options, figures["clipping"])
    report.section("Configuration").values(
        {f"--{name.replace('_', '-')}": value for name, value in without_places(options).items()}
    )
    return report


def _add_clipping(report: Report, options: GradientFlowOptions, clipping: dict) -> None:
    clipped, unclipped = clipping["clipped"], clipping["unclipped"]
    report.section("Clipping").prose(
        f"The simple RNN from a radius of {options.clip_radius:g}, plain gradient descent at "
        f"learning rate {options.clip_learning_rate:g}: g ← g · min(1, {options.clip_norm:g} / "
        "‖g‖), beside the same steps without it."
    )

    def by_step(**named):
        return {
            name.replace("_", " "): list(enumerate(values, start=1))
            for name, values in named.items()
        }

    report.chart(
        by_step(before_clipping=clipped["norm_before"], after_clipping=clipped["norm_after"]),
        "step",
        "global norm of the gradient, in the run with clipping",
    )
    report.chart(
        by_step(with_clipping=clipped["norm_before"], without=unclipped["norm_before"]),
        "step",
        "global norm of the gradient, before clipping",
        log_y=True,
    )
    report.chart(
        by_step(with_clipping=clipped["losses"], without=unclipped["losses"]),
        "step",
        "loss in nats per character",
    )
    for name, found in (("With", clipped), ("Without", unclipped)):
        if found["diverged"]:
            report.prose(f"{name} clipping, training diverged at step {len(found['losses']) + 1}.")


def _fate(growth: float) -> str:
    return "vanishes" if growth < 1 else "explodes" if math.isfinite(growth) else "is not finite"
