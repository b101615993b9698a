"""Models built from the layers."""

from tfseq.models.language_model import LanguageModel

__all__ = ["LanguageModel"]
