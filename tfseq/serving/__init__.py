"""Language models as SavedModels for TensorFlow Serving."""

from tfseq.serving.export import export_language_model
from tfseq.serving.inspection import Inspection, inspect_export
from tfseq.serving.settings import ServingSettings
from tfseq.serving.versions import next_version

__all__ = [
    "Inspection",
    "ServingSettings",
    "export_language_model",
    "inspect_export",
    "next_version",
]
