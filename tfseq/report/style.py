"""The look of a report: `page.css`, and colours in the light, in the dark and on paper."""

from pathlib import Path

# How strongly a value is shown: level 0 not at all, the last one as the full colour.
NUM_LEVELS = 10
# Lines of a chart whose colours are easy to distinguish.
NUM_COLOURS = 6

# By name: in the light, and in the dark.
_COLOURS = {
    "page": ("#f6f5f2", "#15171b"),
    "card": ("#ffffff", "#1d2026"),
    "ink": ("#1d1f24", "#e6e5e1"),
    "soft": ("#5c616b", "#a0a4ad"),
    "rule": ("#dcdad4", "#343842"),
    "accent": ("#1f5fa8", "#86b6ee"),
    "hot": ("224 92 42", "226 94 48"),
    "cold": ("45 116 196", "72 140 222"),
    "s0": ("#1f6fb2", "#74b0ec"),
    "s1": ("#c8442b", "#f0836a"),
    "s2": ("#2b7f57", "#6cc79b"),
    "s3": ("#7d4ca5", "#bd9ae4"),
    "s4": ("#9a6700", "#dfae4a"),
    "s5": ("#0b7a8a", "#5cc2d0"),
}
#: The colours by name; charts are drawn in these.
LIGHT = {name: light for name, (light, _) in _COLOURS.items()}
_DARK = {name: dark for name, (_, dark) in _COLOURS.items()}
_PAPER = {"page": "#ffffff", "ink": "#000000", "soft": "#444444", "accent": "#000000"}


def report_style() -> str:
    """The style sheet of a report.

    Levels and colours are classes, so that a page needs no style attribute, which its content
    security policy forbids: `h0` to `h10` above zero, `c1` to `c10` below, `s0` to `s5`.
    """

    def variables(colours):
        pairs = " ".join(f"--{name}: {colour};" for name, colour in colours.items())
        return f":root {{ {pairs} }}"

    levels = [
        f".{name}{level} {{ background: rgb(var({colour}) / {0.72 * level / NUM_LEVELS:.3f}); }}"
        for name, colour in (("h", "--hot"), ("c", "--cold"))
        for level in range(1, NUM_LEVELS + 1)
    ]
    lines = [f".s{number} {{ color: var(--s{number}); }}" for number in range(NUM_COLOURS)]
    themes = [
        f":root {{ color-scheme: light dark; }}\n{variables(LIGHT)}",
        f"@media screen and (prefers-color-scheme: dark) {{ {variables(_DARK)} }}",
        f"@media print {{ {variables(_PAPER)} }}",
    ]
    page = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return "\n".join([*themes, page, *levels, *lines])
