"""Values and texts as a report shows them."""

import html
import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# What HTML, SVG or UTF-8 has no way to write: control characters become pictures of them.
_PICTURES = {
    **dict.fromkeys([*range(128, 160), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd"),
    **{code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"},
    127: "␡",
}


def visible(text: Any) -> str:
    """Text whose characters have a place in a page and in a picture.

    >>> visible("a" + chr(0) + chr(0xFFFF))
    'a␀�'
    """
    return str(text).translate(_PICTURES)


def clipped(text: Any, length: int = 60) -> str:
    """Text as a picture shows it: where it is too long, its end is cut off.

    >>> clipped("abcdef", 4)
    'abc…'
    """
    text = visible(text)
    return text if len(text) <= length else text[: length - 1] + "…"


def escaped(text: Any) -> str:
    """Text that means itself in HTML, in an attribute too.

    >>> escaped('<b title="a">' + chr(7) + '&')
    '&lt;b title=&quot;a&quot;&gt;␇&amp;'
    """
    return html.escape(visible(text), quote=True)


def shown(value: Any) -> str:
    """A value as a person reads it: four digits of a fraction, thousands set apart.

    >>> [shown(v) for v in (True, None, 1234567, 3.14159, 0.00001234, [1, 2], "gru")]
    ['yes', '–', '1,234,567', '3.142', '1.234 × 10⁻⁵', '1, 2', 'gru']
    """
    if value is None:
        return "–"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}".replace("-", "−")
    if isinstance(value, Real):
        return _shown_float(float(value)).replace("-", "−")
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value)) or "–"
    return str(value)


def shown_alike(values: Sequence[Any]) -> list[str]:
    """The values of a column, fractions with equally many digits after the point.

    >>> shown_alike([6.0, 4.87393, None])
    ['6.000', '4.874', '–']
    """
    texts = [shown(value) for value in values]
    fractions = {
        n: float(value)
        for n, value in enumerate(values)
        if is_number(value) and not isinstance(value, Integral) and math.isfinite(value)
    }
    if any("×" in texts[n] or abs(value) >= 1000 for n, value in fractions.items()):
        return texts
    digits = max((len(texts[n].partition(".")[2]) for n in fractions), default=0)
    for n, value in fractions.items():
        texts[n] = f"{value:.{digits}f}".replace("-", "−")
    return texts


def is_number(value: Any) -> bool:
    """Whether the value belongs in a column that is set to the right."""
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _shown_float(value: float) -> str:
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.3e}".split("e")
        power = str(int(exponent)).translate(_SUPERSCRIPTS)
        return f"{mantissa.rstrip('0').rstrip('.')} × 10{power}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
