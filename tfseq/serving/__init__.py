"""Language models as SavedModels for TensorFlow Serving."""

from tfseq.serving.export import export_language_model
from tfseq.serving.settings import ServingSettings
from tfseq.serving.versions import next_version

__all__ = ["ServingSettings", "export_language_model", "next_version"]
