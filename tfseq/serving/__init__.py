"""Language models as SavedModels for TensorFlow Serving."""

from tfseq.serving.export import export_language_model, next_version
from tfseq.serving.settings import ServingSettings

__all__ = ["ServingSettings", "export_language_model", "next_version"]
