"""The look of a report: light and dark, wide and narrow, on screen and on paper."""

# How strongly a value is shown: level 0 not at all, the last one as the full colour.
NUM_LEVELS = 10
# Lines of a chart that can be told apart.
NUM_COLOURS = 6

# The page's colours by name: in the light, and in the dark.
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
# Charts are drawn in these.
LIGHT = {name: light for name, (light, _) in _COLOURS.items()}
_DARK = {name: dark for name, (_, dark) in _COLOURS.items()}
_PAPER = {"page": "#ffffff", "ink": "#000000", "soft": "#444444", "accent": "#000000"}

_STYLE = """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif;
  overflow-wrap: anywhere;
}
main, header, footer { max-width: 52rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.75rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; letter-spacing: -0.01em; }
.subtitle { margin: 0.4rem 0 0; color: var(--soft); font-size: 1.05rem; }
nav { margin: 1.1rem 0 0; font-size: 0.9rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin: 0;
  padding: 0; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
section {
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: 1.3rem 1.5rem 1.5rem; margin: 1.4rem 0; scroll-margin-top: 1rem;
}
h2 { font-size: 1.2rem; margin: 0 0 0.8rem; line-height: 1.3; }
p { margin: 0 0 0.9rem; max-width: 44rem; }
section > :last-child, figure > :last-child { margin-bottom: 0; }
footer { color: var(--soft); font-size: 0.85rem; padding-bottom: 3rem; }
figure { margin: 0 0 1.5rem; }
figcaption { color: var(--soft); font-size: 0.9rem; }
figcaption { margin-bottom: 0.5rem; }
.highlights {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr));
  gap: 0.8rem; margin: 0 0 1.2rem; padding: 0;
}
.highlights div { border: 1px solid var(--rule); border-radius: 8px; padding: 0.7rem 0.9rem; }
.highlights dt { color: var(--soft); font-size: 0.85rem; line-height: 1.3; }
.highlights dd { margin: 0.15rem 0 0; font-size: 1.45rem; line-height: 1.25; font-weight: 600; }
.values { columns: 2 18rem; column-gap: 2.5rem; margin: 0 0 1.2rem; font-size: 0.93rem; }
.values div {
  display: flex; justify-content: space-between; gap: 1.2rem; break-inside: avoid;
  border-bottom: 1px solid var(--rule); padding: 0.25rem 0;
}
.values dt { color: var(--soft); flex: 0 1 auto; min-width: 30%; }
.values dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; margin: 0 0 1.2rem; overflow-wrap: normal; }
table { border-collapse: collapse; font-size: 0.93rem; width: max-content; }
th, td { padding: 0.32rem 1.1rem 0.32rem 0; text-align: left; vertical-align: top;
  max-width: 26rem; }
th { color: var(--soft); font-weight: 500; white-space: nowrap; }
tbody tr, thead tr { border-bottom: 1px solid var(--rule); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.matrix td, .matrix th { padding: 0.4rem 0.7rem; }
.matrix tbody th { text-align: right; }
pre, .tokens {
  font: 0.86rem/1.6 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
pre {
  margin: 0 0 1.2rem; padding: 0.8rem 1rem; background: var(--page); border-radius: 8px;
  white-space: pre-wrap;
}
.tokens { white-space: break-spaces; line-height: 1.85; margin: 0; max-width: none; }
.tokens i { font-style: normal; padding: 0.16em 0; }
.tokens.apart i { padding: 0.16em 0.22em; border-radius: 3px; }
.tokens i:hover { outline: 1px solid var(--ink); }
.sign { opacity: 0.45; }
.scale { display: flex; align-items: center; gap: 0.6rem; margin: 0 0 0.7rem;
  font-size: 0.85rem; color: var(--soft); }
.scale > span { display: flex; flex: 0 1 14rem; min-width: 4rem; border: 1px solid var(--rule); }
.scale i { flex: 1; height: 0.9rem; }
.picture { background: #ffffff; border-radius: 8px; padding: 0.6rem; }
.picture img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
.keys { display: flex; flex-wrap: wrap; gap: 0.1rem 1.3rem; margin: 0 0 0.2rem; padding: 0;
  list-style: none; font-size: 0.9rem; }
.keys i { display: inline-block; width: 1.4rem; height: 0.2rem; border-radius: 1px;
  vertical-align: 0.25em; margin-right: 0.45rem; background: currentColor; }
.axis { color: var(--soft); font-size: 0.85rem; margin-bottom: 0.2rem; }
.axis.across { text-align: center; }
.soft { color: var(--soft); }
svg { display: block; width: 100%; height: auto; }
svg path { stroke-linejoin: round; }
svg text { font: 12px system-ui, "Liberation Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums; }
.narrow { display: none; }
@media (max-width: 40rem) {
  main, header, footer { padding: 0 0.7rem; }
  header { padding-top: 1.6rem; }
  h1 { font-size: 1.5rem; }
  section { padding: 1rem 0.9rem 1.1rem; border-radius: 8px; }
  .highlights { grid-template-columns: repeat(auto-fit, minmax(8.4rem, 1fr)); gap: 0.6rem; }
  .highlights dd { font-size: 1.2rem; }
  th, td { padding-right: 0.8rem; max-width: 16rem; }
  .wide { display: none; }
  .narrow { display: block; }
}
@media (hover: none) {
  .tokens i:hover::after {
    content: attr(title); position: fixed; left: 0.7rem; right: 0.7rem; bottom: 0.7rem;
    background: var(--ink); color: var(--page); border-radius: 8px; padding: 0.6rem 0.8rem;
  }
}
@media print {
  :root { color-scheme: light; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10pt; }
  main, header, footer { max-width: none; padding: 0; }
  nav { display: none; }
  section { border: 0; padding: 0; margin: 1.6rem 0; }
  h2, figcaption { break-after: avoid; }
  figure, tr, .highlights { break-inside: avoid; }
  .scroll { overflow: visible; }
  pre { border: 1px solid var(--rule); }
}
"""


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
    return "\n".join(
        [
            ":root { color-scheme: light dark; }",
            variables(LIGHT),
            f"@media screen and (prefers-color-scheme: dark) {{ {variables(_DARK)} }}",
            f"@media print {{ {variables(_PAPER)} }}",
            _STYLE,
            *levels,
            *lines,
        ]
    )
