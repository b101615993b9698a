"""Language models as SavedModels for TensorFlow Serving, and clients of them.

Names are loaded on first use: a client that speaks REST loads no TensorFlow.
"""

from tfseq._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Client": "tfseq.serving.client",
        "ForecasterSettings": "tfseq.serving.forecaster_export",
        "Inspection": "tfseq.serving.inspection",
        "ServingError": "tfseq.serving.transport",
        "ServingSettings": "tfseq.serving.settings",
        "TaggerSettings": "tfseq.serving.tagger_export",
        "TextClassifierSettings": "tfseq.serving.text_classifier_export",
        "export_forecaster": "tfseq.serving.forecaster_export",
        "export_language_model": "tfseq.serving.export",
        "export_tagger": "tfseq.serving.tagger_export",
        "export_text_classifier": "tfseq.serving.text_classifier_export",
        "inspect_export": "tfseq.serving.inspection",
        "next_version": "tfseq.serving.versions",
    },
)
