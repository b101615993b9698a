"""The page on which a person tries an exported model."""

from tfseq.serving.server.page.one_file import page

__all__ = ["page"]
