"""Values and texts as a report shows them."""

import html
import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def escaped(text: Any) -> str:
    """Text that means itself in HTML, in an attribute too; control characters become visible.

    >>> escaped('<b title="a">' + chr(7) + '&')
    '&lt;b title=&quot;a&quot;&gt;␇&amp;'
    """
    text = "".join(map(_visible, str(text)))
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"), quote=True)


def shown(value: Any) -> str:
    """A value as a person reads it: four digits of a fraction, thousands set apart.

    >>> [shown(v) for v in (True, None, 1234567, 3.14159, 0.00001234, [1, 2], "gru")]
    ['yes', '–', '1,234,567', '3.142', '1.234 × 10⁻⁵', '1, 2', 'gru']
    """
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if _is_boolean(value):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}".replace("-", "−")
    if isinstance(value, Real):
        return _shown_float(float(value))
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value)) or "–"
    return str(value)


def shown_alike(values: Sequence[Any]) -> list[str]:
    """The values of a column, fractions with equally many digits after the point.

    >>> shown_alike([6.0, 4.87393, None])
    ['6.000', '4.874', '–']
    """
    texts = [shown(value) for value in values]
    fractions = [n for n, value in enumerate(values) if _is_fraction(value)]
    if any("×" in texts[n] or abs(values[n]) >= 1000 for n in fractions):
        return texts
    digits = max((len(texts[n].partition(".")[2]) for n in fractions), default=0)
    for n in fractions:
        texts[n] = f"{values[n]:.{digits}f}".replace("-", "−")
    return texts


def power_of_ten(mantissa: str, exponent: int) -> str:
    """A number in powers of ten; a mantissa of 1 goes without saying.

    >>> power_of_ten("1", -6), power_of_ten("-2.5", 7)
    ('10⁻⁶', '−2.5 × 10⁷')
    """
    power = f"10{str(exponent).translate(_SUPERSCRIPTS)}"
    return power if mantissa == "1" else f"{mantissa} × {power}".replace("-", "−")


def is_number(value: Any) -> bool:
    """Whether the value belongs in a column that is set to the right."""
    return isinstance(value, Real) and not _is_boolean(value)


def _shown_float(value: float) -> str:
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.3e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{mantissa} × {power_of_ten('1', int(exponent))}".replace("-", "−")
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def _is_fraction(value: Any) -> bool:
    return is_number(value) and not isinstance(value, Integral) and math.isfinite(value)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")


def _visible(character: str) -> str:
    """A control character as its picture; HTML has no way to write most of them."""
    code = ord(character)
    if character in "\n\t":
        return character
    if code < 32:
        return chr(0x2400 + code)
    return "␡" if code == 127 else "�" if 128 <= code < 160 else character
