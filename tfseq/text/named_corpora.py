"""Corpora that are known by name."""

from pydoc_data.topics import topics


def python_docs() -> str:
    """Returns the language reference inside this Python: its topics, sorted, a newline between."""
    return "\n".join(topics[name] for name in sorted(topics))
