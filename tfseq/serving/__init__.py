"""Models as SavedModels for TensorFlow Serving, and clients of them.

Names are loaded on first use: a client that speaks REST loads no TensorFlow.
"""

from tfseq._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Client": "tfseq.serving.client.client",
        "ForecasterSettings": "tfseq.serving.signatures.settings",
        "Inspection": "tfseq.serving.inspection.inspection",
        "ServingError": "tfseq.serving.client.transport",
        "ServingSettings": "tfseq.serving.signatures.settings",
        "TaggerSettings": "tfseq.serving.signatures.settings",
        "TextClassifierSettings": "tfseq.serving.signatures.settings",
        "export_forecaster": "tfseq.serving.signatures.forecasting",
        "export_language_model": "tfseq.serving.signatures.language_model",
        "export_tagger": "tfseq.serving.signatures.tagging",
        "export_text_classifier": "tfseq.serving.signatures.text_classification",
        "inspect_export": "tfseq.serving.inspection.inspection",
        "next_version": "tfseq.serving.versions",
    },
)
