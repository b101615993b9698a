"""Statistics of language as pictures, on two logarithmic axes."""

import os
import warnings

import numpy as np

from tfseq.analysis.statistics import CorpusStatistics
from tfseq.analysis.statistics_fit import PowerLaw

_COLOURS = ("#1f6fb2", "#d1495b", "#3a8f5c", "#b8860b", "#6a4c93")


def draw_rank_frequency(
    statistics: CorpusStatistics, unit: str, title: str, path: str | os.PathLike
) -> None:
    """Draw the frequency of n-grams against their rank, a line each length, with Zipf's law.

    Args:
        statistics: the statistics.
        unit: what a token is called.
        title: what is written above.
        path: the PNG file.
    """
    figure, axes = _axes(title)
    for ngrams, colour in zip(statistics.ngrams, _COLOURS, strict=False):
        name = f"{unit}s" if ngrams.length == 1 else f"{ngrams.length} {unit}s in a row"
        if ngrams.zipf is not None:
            law = ngrams.zipf
            name += f": exponent {-law.exponent:.3f}, ranks {law.first:,} to {law.last:,}"
            _draw_law(axes, law, colour)
        if not ngrams.frequencies:
            continue  # The text is shorter than that many tokens.
        ranks, counts = _steps(ngrams.frequencies)
        axes.plot(ranks, counts, color=colour, linewidth=1.6, label=name)
    axes.set_xlabel("rank")
    axes.set_ylabel("frequency")
    if axes.lines:
        fitted = any(ngrams.zipf is not None for ngrams in statistics.ngrams)
        title = "dashed: Zipf's law, least squares" if fitted else None
        axes.legend(frameon=False, fontsize=8, title=title, title_fontsize=8)
    _save(figure, path)


def draw_vocabulary_growth(
    statistics: CorpusStatistics, unit: str, title: str, path: str | os.PathLike
) -> None:
    """Draw how many tokens differ among the first n, against n, with Heaps' law.

    Args:
        statistics: the statistics.
        unit: what a token is called.
        title: what is written above.
        path: the PNG file.
    """
    figure, axes = _axes(title)
    if statistics.heaps is not None:
        law = statistics.heaps
        name = f"{law.constant:.3g} n^{law.exponent:.3f}, from n = {law.first:,} to {law.last:,}"
        _draw_law(axes, law, _COLOURS[1], name)
    if statistics.growth:
        tokens, distinct = zip(*statistics.growth, strict=True)
        axes.plot(tokens, distinct, "o", color=_COLOURS[0], markersize=3.5, label="the text")
    axes.set_xlabel(f"{unit}s read, n")
    axes.set_ylabel(f"different {unit}s")
    if axes.lines:
        axes.legend(frameon=False, fontsize=8)
    _save(figure, path)


def _axes(title: str):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(True, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, fontsize=10, parse_math=False)
    return figure, axes


def _draw_law(axes, law: PowerLaw, colour: str, name: str | None = None) -> None:
    x = np.array([law.first, law.last], float)
    y = law.constant * x**law.exponent
    axes.plot(x, y, color=colour, linestyle=(0, (4, 3)), linewidth=1.1, label=name)


def _steps(frequencies: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last rank of each frequency, and that frequency twice."""
    counts = np.array(sorted(frequencies, reverse=True))
    last = np.cumsum([frequencies[count] for count in counts.tolist()])
    first = np.concatenate([[0], last[:-1]]) + 1
    return np.stack([first, last], axis=1).ravel(), np.repeat(counts, 2)


def _save(figure, path: str | os.PathLike) -> None:
    with warnings.catch_warnings():
        # A title in a script that the font lacks is drawn as boxes, and that is all.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(path, format="png")
