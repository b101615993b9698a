"""The page as one file: its parts put together, with a policy that lets nothing else run."""

import base64
import functools
import hashlib
from pathlib import Path

_STYLES = ("look.css", "parts.css", "views.css")
# In the order of their names' use.
_SCRIPTS = (
    "rest.js",
    "parts.js",
    "form.js",
    "language/numbers.js",
    "language/settings.js",
    "language/pieces.js",
    "language/writer.js",
    "language/tokens.js",
    "language/states.js",
    "language/continue.js",
    "language/search.js",
    "language/score.js",
    "labels.js",
    "table.js",
    "chart.js",
    "forecast.js",
    "main.js",
)


@functools.cache
def page() -> str:
    """The HTML of the page; it loads nothing from outside.

    It speaks TensorFlow Serving's REST alone: `/v1/models/NAME/metadata` and `:predict`, and
    `/v1/models` for the names where a server has that. Served by a server of models, it shows that
    server's. Saved as a file it is opened with `?server=http://HOST:PORT&model=NAME`, and the
    server needs its option for requests from other origins, `--rest_api_enable_cors_support`.

    Its own content security policy allows the page's one script and style by their digests, and
    requests to any server, for the person chooses it.

    Example:
        >>> html = page()
        >>> html.count("<script"), html.count("<style"), "src=" in html
        (1, 1, False)
    """
    folder = Path(__file__).parent
    style = "".join(_read(folder / name) for name in _STYLES)
    script = "".join(_read(folder / "scripts" / name) for name in _SCRIPTS)
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "connect-src 'self' http: https:",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    html = _read(folder / "page.html")
    for name, text in (("POLICY", policy), ("STYLE", style), ("SCRIPT", script)):
        before, after = html.split(f"{{{{{name}}}}}")
        html = before + text + after
    return html


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """What a policy calls an inline script or style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
