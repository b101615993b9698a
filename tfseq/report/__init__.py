"""Pages to read: one HTML file of prose, tables, charts, pictures and heat maps."""

from tfseq.report.report import Report

__all__ = ["Report"]
