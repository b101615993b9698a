"""A report: one HTML file with everything in it."""

import base64
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfseq.files.atomic_file import write_atomically
from tfseq.report.figures import Chart, Points, svg_of
from tfseq.report.format import escaped, is_number, shown, shown_alike
from tfseq.report.heat_map import heat_map, level_class
from tfseq.report.inline_svg import chart_html
from tfseq.report.style import report_style

_PNG = b"\x89PNG\r\n\x1a\n"


class Report:
    """Sections of values, tables, charts and text, written as one HTML file.

    The file needs nothing else: no script, no font, no picture from elsewhere. Its content
    security policy forbids the browser to fetch anything or to run any script. All text is
    escaped. It follows the reader's light or dark theme, fits a telephone, and prints.

    Parts appear in the order in which they are added. Each method that adds one returns the
    report. Values are shown with four digits (`tfseq.report.format.shown`).

    Args:
        title: the heading of the page.
        subtitle: a line below it.

    Example:

    >>> report = Report("A tagger", "LSTM, both directions")
    >>> _ = report.highlights({"accuracy": "97.1 %", "words": 12345})
    >>> _ = report.section("Training").prose("Three epochs, one seed.")
    >>> _ = report.values({"units": 64, "dropout": 0.5, "tied": False})
    >>> _ = report.table(["epoch", "loss"], [[1, 0.51234], [2, 0.25]], caption="By epoch")
    >>> curve = {"training": [(1, 0.5), (2, 0.25)], "validation": [(1, 0.6), (2, 0.4)]}
    >>> _ = report.chart(curve, "epoch", "loss in nats", marks={"best": 2})
    >>> _ = report.section("Words").text("the cat <sat>", caption="a sentence")
    >>> _ = report.heat_map(["the", "cat"], [0.1, 2.5], unit="nats", words=True)
    >>> _ = report.matrix(["DET", "NOUN"], ["DET", "NOUN"], [[9, 1], [0, 5]], caption="Counts")
    >>> page = report.html()
    >>> "the cat &lt;sat&gt;" in page, "0.5123" in page, "<script" in page
    (True, True, False)
    """

    def __init__(self, title: str, subtitle: str = ""):
        self.title = title
        self.subtitle = subtitle
        self._sections: list[tuple[str, list[str]]] = []

    def section(self, title: str) -> "Report":
        """Begin a section. What is added before the first one stands in one without a title."""
        self._sections.append((title, []))
        return self

    def prose(self, text: str) -> "Report":
        """Add paragraphs, which blank lines separate."""
        paragraphs = [p for p in text.split("\n\n") if p.strip()]
        return self._add("\n".join(f'<p dir="auto">{escaped(p)}</p>' for p in paragraphs))

    def highlights(self, values: Mapping[str, Any]) -> "Report":
        """Add the few numbers that are asked for first, in large type."""
        return self._add(_described("highlights", values))

    def values(self, values: Mapping[str, Any], caption: str = "") -> "Report":
        """Add names with their values, as of a configuration."""
        return self._add(_captioned(_described("values", values), caption))

    def configuration(self, options: Mapping[str, Any]) -> "Report":
        """Add a section of options under the names that they have on a command line."""
        return self.section("Configuration").values(
            {
                f"--{name.replace('_', '-')}": repr(value) if str(value).isspace() else value
                for name, value in options.items()
            }
        )

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = ""
    ) -> "Report":
        """Add a table. A column of numbers is set to the right.

        Raises:
            ValueError: a row has not as many values as there are `columns`, their headings.
        """
        for row in rows:
            if len(row) != len(columns):
                raise ValueError(
                    f"a row of `rows` must have {len(columns)} values. Received: {list(row)!r}."
                )
        cells = [*zip(*rows, strict=True)] or [()] * len(columns)
        kinds = [
            ' class="n"'
            if any(map(is_number, column)) and all(v is None or is_number(v) for v in column)
            else ""
            for column in cells
        ]
        head = _row('th scope="col"', kinds, columns)
        texts = zip(*map(shown_alike, cells), strict=True)
        body = "\n".join(f"<tr>{_row('td', kinds, row)}</tr>" for row in texts)
        return self._add(_scrolled("", caption, head, body))

    def matrix(
        self,
        row_names: Sequence[str],
        column_names: Sequence[str],
        values: Sequence[Sequence[float]],
        caption: str = "",
        corner: str = "",
    ) -> "Report":
        """Add a table of numbers whose backgrounds show them, as a confusion matrix.

        The largest number of a row has the full colour. `corner` says what rows and columns are.

        Raises:
            ValueError: `values` is not a row for each row name, of a number for each column name.
        """
        if len(values) != len(row_names) or any(len(r) != len(column_names) for r in values):
            raise ValueError(
                f"`values` must be {len(row_names)} rows of {len(column_names)} numbers."
            )
        names = [corner, *column_names]
        head = _row('th scope="col"', ["", *[' class="n"'] * len(column_names)], names)
        body = []
        for name, row in zip(row_names, values, strict=True):
            limit = max(map(abs, row), default=0) or 1
            kinds = [f' class="n {level_class(v, limit)}"' for v in row]
            cells = _row("td", kinds, map(shown, row))
            body.append(f'<tr><th scope="row">{escaped(name)}</th>{cells}</tr>')
        return self._add(_scrolled("matrix", caption, head, "\n".join(body)))

    def chart(
        self,
        lines: Mapping[str, Points] | Chart,
        x_label: str = "",
        y_label: str = "",
        caption: str = "",
        **details: Any,
    ) -> "Report":
        """Add a chart of lines.

        Args:
            lines: name -> points `(x, y)`, in order of x, at most 6 lines; or a whole `Chart`.
            x_label, y_label: what x and y are, with their units.
            caption: what the chart shows.
            details: more of a `tfseq.report.figures.Chart`: `log_x`, `log_y`, `bands`, `marks`,
                `references`, `notes`.
        """
        details = {name: value for name, value in details.items() if value is not None}
        chart = lines if isinstance(lines, Chart) else Chart(lines, x_label, y_label, **details)
        return self._add(_captioned(chart_html(chart), caption))

    def figure(self, picture: Any, description: str, caption: str = "") -> "Report":
        """Add a picture on a white ground. A chart of lines looks better as `chart`.

        Args:
            picture: PNG or SVG as bytes, the path of such a file, or a Matplotlib figure.
            description: what is to be seen, for those who do not see it.
            caption: what stands above it.

        Raises:
            ValueError: it is neither PNG nor SVG.
        """
        content = svg_of(picture) if hasattr(picture, "savefig") else picture
        if not isinstance(content, (bytes, bytearray)):
            content = Path(content).read_bytes()
        kind = "png" if content.startswith(_PNG) else "svg+xml"
        if kind != "png" and b"<svg" not in content:
            raise ValueError(f"`picture` must be PNG or SVG. Received: {content[:16]!r}.")
        # As a picture, and not as a part of the page, an SVG can neither run nor fetch a thing.
        data = base64.b64encode(content).decode("ascii")
        image = f'<img alt="{escaped(description)}" src="data:image/{kind};base64,{data}">'
        return self._add(_captioned(f'<div class="picture">{image}</div>', caption))

    def text(self, text: str, caption: str = "") -> "Report":
        """Add text as it is, with its own lines and spaces."""
        return self._add(_captioned(f'<pre dir="auto">{escaped(text)}</pre>', caption))

    def heat_map(
        self,
        tokens: Sequence[str],
        values: Sequence[float | None],
        unit: str,
        notes: Sequence[str] | None = None,
        caption: str = "",
        **details: Any,
    ) -> "Report":
        """Add text whose background shows a value, as `tfseq.report.heat_map.heat_map` says."""
        return self._add(_captioned(heat_map(tokens, values, unit, notes, **details), caption))

    def html(self) -> str:
        """The whole page."""
        style = report_style()
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
        policy = (
            f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
            "base-uri 'none'; form-action 'none'"
        )
        titled = [(f"s{n}", t) for n, (t, _) in enumerate(self._sections) if t]
        links = "".join(f'<li><a href="#{i}">{escaped(t)}</a></li>' for i, t in titled)
        parts = [
            f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{escaped(self.title)}</title>
<style>{style}</style>
</head>
<body>
<header><h1 dir="auto">{escaped(self.title)}</h1>""",
            f'<p class="subtitle" dir="auto">{escaped(self.subtitle)}</p>' if self.subtitle else "",
            f"<nav><ul>{links}</ul></nav>" if len(titled) > 2 else "",
            "</header>\n<main>",
        ]
        for number, (title, blocks) in enumerate(self._sections):
            heading = f"<h2>{escaped(title)}</h2>" if title else ""
            parts += [f'<section id="s{number}">{heading}', *blocks, "</section>"]
        parts.append("</main>\n</body>\n</html>")
        return "\n".join(part for part in parts if part) + "\n"

    def write(self, path: str | os.PathLike) -> Path:
        """Write the page aside and rename it into place; returns its path."""
        write_atomically(path, self.html().encode("utf-8"))
        return Path(path)

    def _add(self, block: str) -> "Report":
        if not self._sections:
            self.section("")
        self._sections[-1][1].append(block)
        return self


def _described(kind: str, values: Mapping[str, Any]) -> str:
    pairs = "\n".join(
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(shown(value))}</dd></div>"
        for name, value in values.items()
    )
    return f'<dl class="{kind}">\n{pairs}\n</dl>'


def _row(tag: str, kinds: Iterable[str], texts: Iterable[Any]) -> str:
    """Cells of a table."""
    end = tag.split()[0]
    return "".join(
        f"<{tag}{kind}>{escaped(text)}</{end}>" for kind, text in zip(kinds, texts, strict=True)
    )


def _captioned(block: str, caption: str) -> str:
    told = f"<figcaption>{escaped(caption)}</figcaption>\n" if caption else ""
    return f"<figure>{told}{block}</figure>"


def _scrolled(kind: str, caption: str, head: str, body: str) -> str:
    """A table that is moved aside within the page where it is too wide for it."""
    name = escaped(caption or "table")
    table = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">'
        f'<table class="{kind}"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>'
        "</table></div>"
    )
    return _captioned(table, caption)
