"""Language models as SavedModels for TensorFlow Serving, and clients of them.

Names are loaded on first use: a client that speaks REST loads no TensorFlow.
"""

from tfseq._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Client": "tfseq.serving.client.client",
        "ForecasterSettings": "tfseq.serving.signatures.forecaster_export",
        "Inspection": "tfseq.serving.inspection.inspection",
        "ServingError": "tfseq.serving.client.transport",
        "ServingSettings": "tfseq.serving.signatures.settings",
        "TaggerSettings": "tfseq.serving.signatures.tagger_export",
        "TextClassifierSettings": "tfseq.serving.signatures.text_classifier_export",
        "export_forecaster": "tfseq.serving.signatures.forecaster_export",
        "export_language_model": "tfseq.serving.export",
        "export_tagger": "tfseq.serving.signatures.tagger_export",
        "export_text_classifier": "tfseq.serving.signatures.text_classifier_export",
        "inspect_export": "tfseq.serving.inspection.inspection",
        "next_version": "tfseq.serving.versions",
    },
)
