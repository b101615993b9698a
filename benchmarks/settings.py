"""Settings of a benchmark's command line."""

import json


def setting(text: str) -> tuple[str, object]:
    """`NAME=VALUE` as a pair; the value is JSON where it reads as such, else text."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
