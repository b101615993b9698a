"""Text whose background shows a value for each token."""

import math
from collections.abc import Sequence

from tfseq.report.format import escaped, shown
from tfseq.report.style import NUM_LEVELS

# What stands for a character that would not be seen.
_SIGNS = {"\n": "↵", "\t": "⇥"}


def heat_map(
    tokens: Sequence[str],
    values: Sequence[float | None],
    unit: str,
    notes: Sequence[str] | None = None,
    limit: float | None = None,
    words: bool = False,
) -> str:
    """HTML of a legend and the tokens, each on a background as strong as its value.

    Where a value is below zero, colours run from one to the other with none at zero. A value at
    or beyond `limit` has the full colour, and the legend says so. The exact value is in the
    token's tooltip.

    Args:
        tokens: the tokens, in order; characters, words or pieces of them.
        values: a number for each; None or NaN gives no background.
        unit: what the values are, as in "bits".
        notes: further text for each tooltip.
        limit: the value that has the full colour; None takes the largest there is.
        words: set a space between the tokens.

    Raises:
        ValueError: there are not as many values or notes as tokens, or `limit` is not positive.

    Example:

    >>> print(heat_map(["a", "<"], [0.5, 1.0], unit="bits").splitlines()[-1])
    <p class="tokens" dir="auto"><i class="h5" title="a: 0.5 bits">a</i><i class="h10"
    title="&lt;: 1 bits">&lt;</i></p>
    """
    tokens = list(tokens)
    values = [None if v is None or math.isnan(v) else float(v) for v in values]
    notes = [""] * len(tokens) if notes is None else list(notes)
    if not len(tokens) == len(values) == len(notes):
        raise ValueError(
            "`values` and `notes` must be as many as `tokens`. Received: "
            f"{len(tokens)} tokens, {len(values)} values, {len(notes)} notes."
        )
    largest = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    if limit is None:
        limit = largest or 1.0
    elif not 0 < limit < math.inf:
        raise ValueError(f"`limit` must be a positive number. Received: {limit!r}.")
    signed = any(v is not None and v < 0 for v in values)
    body = (" " if words else "").join(
        _token(*of, unit, limit) for of in zip(tokens, values, notes, strict=True)
    )
    kind = "tokens apart" if words else "tokens"
    legend = _legend(unit, limit, signed, beyond=largest > limit)
    return f'{legend}\n<p class="{kind}" dir="auto">{body}</p>'


def level_class(value: float | None, limit: float) -> str:
    """The class whose background shows `value`: `h1` to `h10`, `c1` to `c10`, or none.

    >>> level_class(0.5, 1.0), level_class(-3.0, 1.0), level_class(0.0, 1.0)
    ('h5', 'c10', '')
    """
    if value is None or math.isnan(value):
        return ""
    level = round(NUM_LEVELS * min(abs(value) / limit, 1.0))
    return f"{'h' if value > 0 else 'c'}{level}" if level else ""


def _token(token: str, value: float | None, note: str, unit: str, limit: float) -> str:
    name = "space" if token == " " else _SIGNS.get(token, token)
    title = f"{name}: " + ("no value" if value is None else f"{shown(value)} {unit}")
    title += f"; {note}" if note else ""
    kind = level_class(value, limit)
    kind = f' class="{kind}"' if kind else ""
    text = escaped(token)
    for character, sign in _SIGNS.items():
        text = text.replace(character, f'<span class="sign">{sign}</span>{character}')
    return f'<i{kind} title="{escaped(title)}">{text}</i>'


def _legend(unit: str, limit: float, signed: bool, beyond: bool) -> str:
    low = -NUM_LEVELS if signed else 0
    swatches = "".join(
        f'<i class="{level_class(level, NUM_LEVELS)}"></i>' for level in range(low, NUM_LEVELS + 1)
    )
    more = " or more" if beyond else ""
    less = f"{shown(-limit)}{' or less' if beyond else ''}" if signed else "0"
    return (
        f'<div class="scale">{less} <span>{swatches}</span> {shown(limit)} {escaped(unit)}{more}'
        "</div>"
    )
